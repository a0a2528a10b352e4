// Where file systems are mounted and of what kind, from /proc/self/mountinfo: a bind mount of the same device
// shows nowhere else.

import { readFileSync } from 'node:fs'
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

/** File systems that answer from this machine's own disks, memory or kernel. */
const LOCAL: ReadonlySet<string> = new Set(
  (
    'bcachefs bpf btrfs cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs erofs ext2 ext3 ext4 f2fs fusectl ' +
    'hugetlbfs iso9660 jfs mqueue nilfs2 nsfs overlay proc pstore ramfs reiserfs rootfs securityfs selinuxfs squashfs ' +
    'sysfs tmpfs tracefs udf vfat xfs zfs binfmt_misc rpc_pipefs'
  ).split(' '),
)

/** How long a look holds: a network mount made meanwhile is asked like a local one so long. */
const REMEMBERED_MS = 1000

let askedAt = Number.NEGATIVE_INFINITY
let local = false
let remote: readonly string[] = []

/**
 * True where nothing is mounted that could keep a system call waiting for somebody else (NFS, FUSE, 9p,
 * automounts …). Then the cheapest calls may be made on the main thread: handing one to Node's file threads
 * costs twenty times the call.
 */
export function onlyLocal(): boolean {
  look()
  return local
}

/** The mount points of those that could. */
export function remoteMounts(): readonly string[] {
  look()
  return remote
}

function look(): void {
  const now = performance.now()
  if (now - askedAt < REMEMBERED_MS) return
  askedAt = now
  try {
    const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')
    local = allLocal(mountinfo)
    remote = local ? [] : parseMountPoints(linesOf(mountinfo, (type) => !LOCAL.has(type)))
  } catch {
    local = false // which mounts there are is what was known before
  }
}

/** The lines of file systems of the types that are `wanted`. The type is the field behind the lone dash (proc(5)). */
function linesOf(mountinfo: string, wanted: (type: string) => boolean): string {
  return mountinfo
    .split('\n')
    .filter((line) => wanted(/ - (\S+)/.exec(line)?.[1] ?? 'tmpfs'))
    .join('\n')
}

/** Whether every file system is one of this machine's own. */
export function allLocal(mountinfo: string): boolean {
  return / - /.test(mountinfo) && linesOf(mountinfo, (type) => !LOCAL.has(type)) === ''
}
