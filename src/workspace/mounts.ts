// Where file systems are mounted, from /proc/self/mountinfo: a bind mount of the same device shows nowhere
// else.

import { readFile } from 'node:fs/promises'

/** The mount points, or none where /proc is not there. */
export async function mountPoints(): Promise<string[]> {
  try {
    return parseMountPoints(await readFile('/proc/self/mountinfo', 'utf8'))
  } catch {
    return []
  }
}

/** Field 5 of each line; blanks, tabs, line feeds and backslashes in it are octal escapes (proc(5)). */
export function parseMountPoints(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const point = line.split(' ')[4]
    if (point === undefined) return []
    return [point.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))]
  })
}
