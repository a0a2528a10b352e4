// The devices of file systems in which the kernel shows itself as files (/proc, /sys, /dev …): what a copy of a
// tree around them leaves out. Taken from the mount table, since asking such a place may set something off.

import { readFile } from 'node:fs/promises'
import { pseudoMounts } from '../../threads/walk/mounts.ts'

/** Device numbers as stat(2) gives them; none where there is no /proc. */
export async function pseudoDevices(): Promise<ReadonlySet<number>> {
  try {
    return parsePseudoDevices(await readFile('/proc/self/mountinfo', 'utf8'))
  } catch {
    return new Set()
  }
}

/** Field 3 of each line is the device, major:minor (proc(5)). */
export function parsePseudoDevices(mountinfo: string): Set<number> {
  return new Set(
    mountinfo.split('\n').flatMap((line) => {
      const [major, minor] = (line.split(' ')[2] ?? '').split(':').map(Number)
      if (major === undefined || minor === undefined || pseudoMounts(line).length === 0) return []
      return [deviceNumber(major, minor)]
    }),
  )
}

/** makedev(3): the low bits of both come first. Majors above 4,095 are not given out. */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) + major * 0x100 + (minor - (minor & 0xff)) * 0x1000
}
