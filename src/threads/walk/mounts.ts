// Where the kernel shows itself as files: walks from above never enter such places (protocol.md#files).

import { readFileSync } from 'node:fs'

/** Never entered from above, whatever is mounted there. */
const ALWAYS = ['/proc', '/sys', '/dev']

/** File systems without files of anybody's. */
const PSEUDO: ReadonlySet<string> = new Set(
  'autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs'.split(
    ' ',
  ),
)

/** The mount points of pseudo file systems in the text of /proc/self/mountinfo (proc(5)). */
export function pseudoMounts(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ')
    const point = before?.split(' ')[4]
    const type = after?.split(' ')[0]
    if (point === undefined || type === undefined || !PSEUDO.has(type)) return []
    return [unescaped(point)]
  })
}

/** What is mounted where, in the text of /proc/self/mountinfo: the number of the last mount at each place. */
export function mountPoints(mountinfo: string): Map<string, string> {
  const points = new Map<string, string>()
  for (const line of mountinfo.split('\n')) {
    const [id, , , , point] = line.split(' ')
    if (id !== undefined && point !== undefined) points.set(unescaped(point), id)
  }
  return points
}

function unescaped(point: string): string {
  return point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** Directories that a walk from above leaves out. */
export function forbiddenToWalks(): ReadonlySet<string> {
  return new Set([...ALWAYS, ...pseudoMounts(readMountinfo())])
}

/** True for a path in one of the places themselves: nothing there is read for content or hash. */
export function isWithin(places: ReadonlySet<string>, path: string): boolean {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) if (places.has(at)) return true
  return false
}

function readMountinfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return '' // no /proc: the three names above remain
  }
}
