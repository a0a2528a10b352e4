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

/** How long an answer of `onlyLocal` holds: a network mount made meanwhile is asked like a local one so long. */
const REMEMBERED_MS = 1000

let askedAt = Number.NEGATIVE_INFINITY
let local = false

/**
 * True where nothing is mounted that could keep a system call waiting for somebody else (NFS, FUSE, 9p,
 * automounts …). Then the cheapest calls may be made on the main thread: handing one to Node's file threads
 * costs twenty times the call.
 */
export function onlyLocal(): boolean {
  const now = performance.now()
  if (now - askedAt < REMEMBERED_MS) return local
  askedAt = now
  try {
    local = allLocal(readFileSync('/proc/self/mountinfo', 'utf8'))
  } catch {
    local = false
  }
  return local
}

/** The type is the field behind the lone dash (proc(5)). */
export function allLocal(mountinfo: string): boolean {
  const types = mountinfo.split('\n').flatMap((line) => / - (\S+)/.exec(line)?.[1] ?? [])
  return types.length > 0 && types.every((type) => LOCAL.has(type))
}
