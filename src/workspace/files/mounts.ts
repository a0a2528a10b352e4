// Where file systems are mounted and of what kind, from /proc/self/mountinfo: a bind mount of the same device
// shows nowhere else.

import { openSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { POLLERR, pollReadable } from '../../native/libc.ts'
import { mountBehind } from './mount-behind.ts'

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
    return point === undefined ? [] : [unescaped(point)]
  })
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
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

/** The kernel's table, kept open: poll(2) on it tells whether a mount was made or undone since the last poll. */
let table: number | undefined
let remoteNow: ReadonlySet<string> = new Set()

/**
 * The mount points of those that could, as they are now, and not only a second ago; those below which another such file
 * system does the work (overlayfs, a loop device) among them. The root is not: where it does not answer
 * nothing does. None where /proc does not tell.
 */
export function remoteMountsNow(): ReadonlySet<string> {
  try {
    const first = table === undefined
    table ??= openSync('/proc/self/mountinfo', 'r')
    const changed = ((pollReadable([table], 0)[0] ?? 0) & POLLERR) !== 0
    if (first || changed) remoteNow = remotePoints(readFileSync('/proc/self/mountinfo', 'utf8'))
  } catch {
    // no /proc, or no free descriptor: what was known before
  }
  return remoteNow
}

/** Exported for its test. */
export function remotePoints(mountinfo: string): ReadonlySet<string> {
  const points = new Set(parseMountPoints(linesOf(mountinfo, (type) => !LOCAL.has(type))))
  points.delete('/')
  const stacked = mountinfo
    .split('\n')
    .map((line) => ({ point: parseMountPoints(line)[0] ?? '/', on: placesBelow(line) }))
  for (let before = -1; before < points.size;) {
    before = points.size
    for (const { point, on } of stacked) {
      if (point !== '/' && on.some((path) => mountBehind(path, points) !== undefined)) points.add(point)
    }
  }
  return points
}

/** Where an overlay or a loop device keeps its files, as far as that is told in paths of ours. */
function placesBelow(line: string): string[] {
  const [, type, source = '', options = ''] = / - (\S+) (\S+) (\S+)/.exec(line) ?? []
  const loop = /^\/dev\/(loop\d+)$/.exec(source)?.[1]
  if (loop !== undefined) return backingFile(loop)
  if (type !== 'overlay') return []
  const named = options.matchAll(/(?:^|,)(?:lowerdir|upperdir|lowerdir\+|datadir\+)=((?:\\.|[^,])*)/g)
  return [...named]
    .flatMap(([, value = '']) => value.split(/(?<!\\):+/))
    .map((one) => unescaped(one).replaceAll(/\\(.)/g, '$1'))
    .filter((one) => isAbsolute(one))
}

function backingFile(device: string): string[] {
  try {
    return [readFileSync(`/sys/block/${device}/loop/backing_file`, 'utf8').trimEnd()]
  } catch {
    return []
  }
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
