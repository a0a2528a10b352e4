// Where file systems are mounted and of what kind, from /proc/self/mountinfo: a bind mount of the same device
// shows nowhere else.

import { readFileSync, readSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { textOfBytes } from '../../../base/bytes-text.ts'
import { openSync } from '../../../base/path-calls.ts'
import { POLLERR, pollReadable } from '../../../native/libc.ts'
import { mountBehind } from './mount-table.ts'
import { pseudoMounts } from '../../../threads/walk/mounts.ts'

/** The mount points, or none where /proc is not there. */
export async function mountPoints(): Promise<string[]> {
  try {
    return parseMountPoints(textOfBytes(await readFile('/proc/self/mountinfo')))
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

const READ_BYTES = 65_536

/** The kernel's table, kept open: poll(2) on it tells whether a mount was made or undone since the last poll. */
let table: number | undefined
/** True until the table was read after its last change. */
let stale = true
let local = false
let remote: ReadonlySet<string> = new Set()
let remoteDevices: ReadonlySet<bigint> = new Set()

/**
 * True where nothing is mounted that could keep a system call waiting for somebody else (NFS, FUSE, 9p,
 * automounts …). Then the cheapest calls may be made on the main thread: handing one to Node's file threads
 * costs twenty times the call. It holds for this moment: a mount of the last millisecond is known, since one call
 * into it on the main thread would keep every client waiting. False where /proc does not tell.
 */
export function onlyLocal(): boolean {
  look()
  return local
}

/**
 * The mount points of those that could, as they are now; those below which another such file
 * system does the work (overlayfs, a loop device) among them. The root is not: where it does not answer
 * nothing does. None where /proc does not tell.
 */
export function remoteMountsNow(): ReadonlySet<string> {
  look()
  return remote
}

/**
 * True of a device (`st_dev`) that answers from this machine, also where others that may not are mounted elsewhere.
 * False where /proc does not tell.
 */
export function isLocalDevice(device: number | bigint): boolean {
  look()
  return local || (!stale && !remoteDevices.has(BigInt(device)))
}

/** The devices of the file systems that may keep a call waiting. Exported for its test. */
export function devicesOf(mountinfo: string, points: ReadonlySet<string>): ReadonlySet<bigint> {
  const waits = (line: string): boolean =>
    linesOf(line, (type) => !LOCAL.has(type)) !== '' || points.has(parseMountPoints(line)[0] ?? '')
  return new Set(
    mountinfo.split('\n').flatMap((line) => {
      const [, major, minor] = /^\d+ \d+ (\d+):(\d+) /.exec(line) ?? []
      return major === undefined || minor === undefined || !waits(line) ? [] : [deviceOf(BigInt(major), BigInt(minor))]
    }),
  )
}

/** As st_dev has it (makedev(3)). */
function deviceOf(major: bigint, minor: bigint): bigint {
  return ((major & ~0xfffn) << 32n) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn)
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

/** Asking takes 2 µs; reading happens after a change alone. */
function look(): void {
  try {
    table ??= openSync('/proc/self/mountinfo', 'r')
    if (((pollReadable([table], 0)[0] ?? 0) & POLLERR) !== 0) stale = true
    if (!stale) return
    const mountinfo = wholeText(table)
    local = allLocal(mountinfo)
    remote = local ? new Set() : remotePoints(mountinfo)
    remoteDevices = local ? new Set() : devicesOf(mountinfo, remote)
    stale = false
  } catch {
    // no /proc, or no free descriptor: which mounts there are is what was known before
    stale = true
    local = false
  }
}

/** Without a descriptor of its own: there may be none left just when something is mounted. */
function wholeText(fd: number): string {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const part = Buffer.allocUnsafe(READ_BYTES)
    const length = readSync(fd, part, 0, READ_BYTES, at)
    if (length === 0) return textOfBytes(Buffer.concat(parts))
    parts.push(part.subarray(0, length))
    at += length
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

// The devices of file systems in which the kernel shows itself as files (/proc, /sys, /dev …): what a copy of a
// tree around them leaves out. Taken from the mount table, since asking such a place may set something off.

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
