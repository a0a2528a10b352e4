// Directories whose files the kernel makes (/proc, /sys, /dev, pseudo file systems): walks from above never enter them
// (protocol.md#files).

import { readFileSync } from 'node:fs'
import { parseMounts, type Mount } from '../../base/mountinfo.ts'

/** Never entered from above, with any file system mounted there. */
const ALWAYS = ['/proc', '/sys', '/dev']

/** Types of file systems that hold no files of users. */
const PSEUDO: ReadonlySet<string> = new Set(
  'autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs'.split(
    ' ',
  ),
)

/** Returns true for a mount whose files the kernel makes. */
export function isPseudoMount({ type }: Pick<Mount, 'type'>): boolean {
  return PSEUDO.has(type)
}

/** Returns the mount points of pseudo file systems in the text of /proc/self/mountinfo (proc(5)). */
export function pseudoMounts(mountinfo: string): string[] {
  return parseMounts(mountinfo)
    .filter(isPseudoMount)
    .map(({ point }) => point)
}

/** Returns the id of the last mount at each mount point in the text of /proc/self/mountinfo. */
export function mountPoints(mountinfo: string): Map<string, string> {
  return new Map(parseMounts(mountinfo).map(({ point, id }) => [point, id]))
}

/** Returns the directories that a walk from above does not enter. */
export function forbiddenToWalks(): ReadonlySet<string> {
  return new Set([...ALWAYS, ...pseudoMounts(readMountinfo())])
}

/** Returns true for one of the places or a path below it: no file there is read for content or hash. */
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
