// Where the kernel shows itself as files: walks from above never enter such places (protocol.md#files).

import { readFileSync } from 'node:fs'
import { parseMounts, type Mount } from '../../base/mountinfo.ts'

/** Never entered from above, whatever is mounted there. */
const ALWAYS = ['/proc', '/sys', '/dev']

/** File systems without files of anybody's. */
const PSEUDO: ReadonlySet<string> = new Set(
  'autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs'.split(
    ' ',
  ),
)

/** True of a mount whose files the kernel makes up. */
export function isPseudoMount({ type }: Pick<Mount, 'type'>): boolean {
  return PSEUDO.has(type)
}

/** The mount points of pseudo file systems in the text of /proc/self/mountinfo (proc(5)). */
export function pseudoMounts(mountinfo: string): string[] {
  return parseMounts(mountinfo)
    .filter(isPseudoMount)
    .map(({ point }) => point)
}

/** What is mounted where, in the text of /proc/self/mountinfo: the number of the last mount at each place. */
export function mountPoints(mountinfo: string): Map<string, string> {
  return new Map(parseMounts(mountinfo).map(({ point, id }) => [point, id]))
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
