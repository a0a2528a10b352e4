// Tells which mounts are remote. A *remote* file system asks another machine or program (NFS, FUSE, 9p, an automount),
// or lies on one that does (an overlay, a loop device), and may keep a call waiting for as long as that does not
// answer; every other is *local*. Taken from /proc/self/mountinfo: a bind mount of the same device shows nowhere else,
// and asking a mount itself could already wait.

import { readFileSync, readSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { textOfBytes } from '../../../base/bytes-text.ts'
import { deviceOf, parseMounts, unescapeMount, type Mount } from '../../../base/mountinfo.ts'
import { openSync } from '../../../base/path-calls.ts'
import { POLLERR, pollReadable } from '../../../native/libc.ts'
import { isPseudoMount } from '../../../threads/walk/mounts.ts'
import { mountBehind } from './mount-table.ts'

const MOUNTINFO = '/proc/self/mountinfo'

/** File systems that answer from this machine's own disks, memory or kernel. */
const LOCAL: ReadonlySet<string> = new Set(
  (
    'bcachefs bpf btrfs cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs erofs ext2 ext3 ext4 f2fs fusectl ' +
    'hugetlbfs iso9660 jfs mqueue nilfs2 nsfs overlay proc pstore ramfs reiserfs rootfs securityfs selinuxfs squashfs ' +
    'sysfs tmpfs tracefs udf vfat xfs zfs binfmt_misc rpc_pipefs'
  ).split(' '),
)

const READ_BYTES = 65_536

/**
 * Returns true if no remote file system is mounted. Then the cheapest calls may be made on the main thread: handing one
 * to Node's file threads costs twenty times the call. The answer holds for this moment: a mount of the last millisecond
 * is known, since one call into it on the main thread would keep every client waiting. False where /proc does not tell.
 */
export function onlyLocal(): boolean {
  return table.now().local
}

/**
 * Returns the mount points of remote file systems as they are now. The root is never among them: where it does not
 * answer nothing does. Empty where /proc does not tell.
 */
export function remoteMountsNow(): ReadonlySet<string> {
  return table.now().points
}

/**
 * Returns true if the device (`st_dev`) is that of a local file system, also while remote ones are mounted elsewhere.
 * False where /proc does not tell.
 */
export function isLocalDevice(device: number | bigint): boolean {
  const { local, devices } = table.now()
  return local || (devices !== undefined && !devices.has(BigInt(device)))
}

/** The remote mounts of one moment. */
interface RemoteMounts {
  /** True if there are no remote mounts. */
  readonly local: boolean
  readonly points: ReadonlySet<string>
  /** Devices of remote file systems; undefined if /proc does not tell. */
  readonly devices: ReadonlySet<bigint> | undefined
}

/** The kernel's table, kept open: poll(2) on it tells whether a mount was made or undone since the last poll. */
class MountTable {
  #fd: number | undefined
  /** True until the table was read after its last change. */
  #stale = true
  #known: RemoteMounts = { local: false, points: new Set(), devices: undefined }

  /** Returns the mounts of now. Asking takes 2 µs; the table is read after a change alone. */
  now(): RemoteMounts {
    try {
      this.#fd ??= openSync(MOUNTINFO, 'r')
      if (((pollReadable([this.#fd], 0)[0] ?? 0) & POLLERR) !== 0) this.#stale = true
      if (this.#stale) this.#known = remoteAmong(parseMounts(wholeText(this.#fd)))
      this.#stale = false
    } catch {
      // No /proc, or no free descriptor: the mounts that were known before are the best answer.
      this.#stale = true
      this.#known = { local: false, points: this.#known.points, devices: undefined }
    }
    return this.#known
  }
}

/**
 * One for the process, and owned by none of its parts: a process has one table of mounts, and each call on a path asks
 * it, in every room and before anything is opened. Handing it down would put it into some hundred signatures.
 */
const table = new MountTable()

function remoteAmong(mounts: readonly Mount[]): RemoteMounts {
  if (allLocal(mounts)) return { local: true, points: new Set(), devices: new Set() }
  const points = remotePoints(mounts)
  return { local: false, points, devices: devicesOf(mounts, points) }
}

/** Reads the table by the descriptor that is open: there may be no other left just when something is mounted. */
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

/** Returns true if there are mounts, and each is local by its type. Exported for its test. */
export function allLocal(mounts: readonly Mount[]): boolean {
  return mounts.length > 0 && mounts.every(isLocalType)
}

function isLocalType({ type }: Mount): boolean {
  return type === '' || LOCAL.has(type)
}

/** Returns the mount points of remote file systems, and of those that lie on one, however often stacked. */
export function remotePoints(mounts: readonly Mount[]): ReadonlySet<string> {
  const points = new Set(mounts.filter((mount) => !isLocalType(mount)).map(({ point }) => point))
  points.delete('/')
  const stacked = mounts.map((mount) => ({ point: mount.point, on: filesOf(mount) }))
  for (let before = -1; before < points.size;) {
    before = points.size
    for (const { point, on } of stacked) {
      if (point !== '/' && on.some((path) => mountBehind(path, points) !== undefined)) points.add(point)
    }
  }
  return points
}

/** Returns the paths where an overlay or a loop device keeps its files, as far as they are told in paths of ours. */
function filesOf({ type, source, options }: Mount): string[] {
  const loop = /^\/dev\/(loop\d+)$/.exec(source)?.[1]
  if (loop !== undefined) return backingFile(loop)
  if (type !== 'overlay') return []
  const named = options.matchAll(/(?:^|,)(?:lowerdir|upperdir|lowerdir\+|datadir\+)=((?:\\.|[^,])*)/g)
  return [...named]
    .flatMap(([, value = '']) => value.split(/(?<!\\):+/))
    .map((one) => unescapeMount(one).replaceAll(/\\(.)/g, '$1'))
    .filter((one) => isAbsolute(one))
}

function backingFile(device: string): string[] {
  try {
    return [readFileSync(`/sys/block/${device}/loop/backing_file`, 'utf8').trimEnd()]
  } catch {
    return []
  }
}

/** Returns the devices of remote file systems, `points` being their mount points. Exported for its test. */
export function devicesOf(mounts: readonly Mount[], points: ReadonlySet<string>): ReadonlySet<bigint> {
  return new Set(mounts.filter((mount) => !isLocalType(mount) || points.has(mount.point)).map(deviceOf))
}

/** Returns all mount points, local ones too; none where /proc is not mounted. */
export async function mountPoints(): Promise<string[]> {
  return (await mountsNow()).map(({ point }) => point)
}

/**
 * Returns the devices, as `stat` gives them, of file systems in which the kernel shows itself as files (/proc, /sys,
 * /dev …): a copy of a tree around them leaves them out. Empty where /proc is not mounted.
 */
export async function pseudoDevices(): Promise<ReadonlySet<number>> {
  return pseudoDevicesOf(await mountsNow())
}

/** Exported for its test. */
export function pseudoDevicesOf(mounts: readonly Mount[]): Set<number> {
  return new Set(mounts.filter(isPseudoMount).map((mount) => Number(deviceOf(mount))))
}

async function mountsNow(): Promise<Mount[]> {
  try {
    return parseMounts(textOfBytes(await readFile(MOUNTINFO)))
  } catch {
    return []
  }
}
