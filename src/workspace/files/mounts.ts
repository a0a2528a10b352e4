// Where file systems are mounted and of what kind, from /proc/self/mountinfo: a bind mount of the same device
// shows nowhere else.

import { readFileSync, readSync } from 'node:fs'
import { readFile, type FileHandle } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { textOfBytes } from '../../base/bytes-text.ts'
import { openSync } from '../../base/path-calls.ts'
import { POLLERR, pollReadable } from '../../native/libc.ts'
import { mountBehind } from './mount-table.ts'
import { pseudoMounts } from '../../threads/walk/mounts.ts'
import { Fault, quote } from '../../base/fault.ts'

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

// Calls into file systems that ask another machine or program (NFS, FUSE, 9p …) and may wait for it for ever. Node's
// file calls share a few threads; such calls get half of them at most, and those into one mount a quarter, so that one
// which does not answer keeps no client from the files elsewhere. A caller waits for a limit of time; the thread cannot
// be called back, and keeps its place until the mount answers. What belongs to a mount is told by the path and the
// links in it, read up to the mount point: looking at the file itself would be such a call.

/** Half of the threads (config.ts). */
const MOST_AT_ONCE = 8
/** Into one mount. */
const MOST_OF_ONE = 4
const MOST_WAITING = 256
/** For one mount, so that those for another find room. */
const MOST_WAITING_OF_ONE = 128
/** A caller waits so long for place and answer: most mounts that answer at all have by then. */
const PATIENCE_MS = 10_000
const RETRY_AFTER_S = 5

/** The calls into one mount. */
interface Line {
  readonly mount: string
  running: number
  waiting: number
  /** Running calls whose callers have left. */
  overdue: number
}

const lines = new Map<string, Line>()
/** Oldest first. */
const waiting: { readonly line: Line; readonly go: () => void }[] = []
let running = 0

/**
 * The result of `call`, once there is room for it where `path` lies on such a mount. Throws `timeout` at the limit of
 * time; `late` is then told what the call has come to all the same. Throws `unavailable` where it was not made.
 */
export async function remoteCall<T>(path: string, call: () => Promise<T>, late?: (value: T) => void): Promise<T> {
  const mount = mountOf(path)
  if (mount === undefined) return await call()
  const line = lines.get(mount) ?? { mount, running: 0, waiting: 0, overdue: 0 }
  lines.set(mount, line)
  const { promise: passed, resolve } = Promise.withResolvers<typeof PASSED>()
  const timer = setTimeout(resolve, PATIENCE_MS, PASSED)
  try {
    if (!hasRoom(line)) await turn(line, path, passed)
    else occupy(line)
    return await answered(line, path, { call, passed, late })
  } finally {
    clearTimeout(timer)
  }
}

const PASSED = Symbol('the time has passed')

interface Made<T> {
  readonly call: () => Promise<T>
  readonly passed: Promise<typeof PASSED>
  readonly late: ((value: T) => void) | undefined
}

async function answered<T>(line: Line, path: string, { call, passed, late }: Made<T>): Promise<T> {
  let left = false
  const back = (): void => {
    if (left) line.overdue--
    leave(line)
  }
  const working = call()
  working.then(
    (value) => {
      back()
      if (left) late?.(value)
    },
    () => back(),
  )
  const first = await Promise.race([working, passed])
  if (first !== PASSED) return first
  left = true
  line.overdue++
  const sentence =
    `path ${quote(path)}: the file system mounted at ${quote(line.mount)} did not answer within ${PATIENCE_MS / 1000} s; ` +
    'what was asked of it may still happen when it answers'
  throw new Fault('timeout', sentence, { details: { path, mount: line.mount, limit_seconds: PATIENCE_MS / 1000 } })
}

function hasRoom(line: Line): boolean {
  return running < MOST_AT_ONCE && line.running < MOST_OF_ONE
}

function occupy(line: Line): void {
  running++
  line.running++
}

/** The place goes to the oldest that may have it. */
function leave(line: Line): void {
  running--
  line.running--
  const next = waiting.findIndex((one) => hasRoom(one.line))
  if (next !== -1) waiting.splice(next, 1)[0]?.go()
  if (line.running === 0 && line.waiting === 0) lines.delete(line.mount)
}

/** A place, waited for behind others; not where all that could give one up do not answer. */
async function turn(line: Line, path: string, passed: Promise<typeof PASSED>): Promise<void> {
  const overdue = [...lines.values()].reduce((sum, one) => sum + one.overdue, 0)
  if (line.overdue >= MOST_OF_ONE || overdue >= MOST_AT_ONCE) throw crowded(line, path, overdue)
  if (waiting.length >= MOST_WAITING || line.waiting >= MOST_WAITING_OF_ONE) throw crowded(line, path, line.waiting)
  const { promise: free, resolve } = Promise.withResolvers<void>()
  const mine = {
    line,
    go: () => {
      occupy(line)
      resolve()
    },
  }
  waiting.push(mine)
  line.waiting++
  const first = await Promise.race([free, passed])
  line.waiting--
  if (first !== PASSED) return
  const at = waiting.indexOf(mine)
  if (at === -1) return // it has just got its place
  waiting.splice(at, 1)
  throw crowded(line, path, line.waiting + line.running)
}

function crowded({ mount }: Line, path: string, count: number): Fault {
  const sentence = `path ${quote(path)} is on the file system mounted at ${quote(mount)}, and ${count} earlier calls wait for file systems that do not answer`
  return new Fault('unavailable', sentence, { details: { path, mount }, retryAfter: RETRY_AFTER_S })
}

/** What of a handle asks the file system. */
const ASKING = [
  'read',
  'write',
  'readFile',
  'stat',
  'sync',
  'datasync',
  'truncate',
  'chmod',
  'chown',
  'utimes',
] as const

/** The handle, whose calls are such calls from now on where `path` lies on such a mount. */
export function heedful(handle: FileHandle, path: string): FileHandle {
  if (!isRemote(path)) return handle
  for (const name of ASKING) {
    const own: unknown = handle[name]
    if (typeof own !== 'function') continue
    const value = (...args: unknown[]) => remoteCall(path, () => Reflect.apply(own, handle, args) as Promise<unknown>) // the method's own
    Object.defineProperty(handle, name, { value })
  }
  const close = handle.close.bind(handle)
  // Closing may wait as well; it must come all the same, so nothing but its place is counted.
  Object.defineProperty(handle, 'close', { value: () => soon(path, close) })
  return handle
}

/** Closings that nobody waits for, one after the other for each mount: all of them together take one thread of it. */
const closings = new Map<string, Promise<void>>()

/** Ends with `close`, or at the limit of time without it; then it goes on behind. */
async function soon(path: string, close: () => Promise<void>): Promise<void> {
  const mount = mountOf(path) ?? ''
  if ((lines.get(mount)?.overdue ?? 0) > 0) return behind(mount, close)
  await remoteCall(path, close).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error
    if (error.code === 'unavailable') behind(mount, close)
  })
}

function behind(mount: string, close: () => Promise<void>): void {
  const last = (closings.get(mount) ?? Promise.resolve()).then(close).catch(() => undefined)
  closings.set(mount, last)
  void last.then(() => {
    if (closings.get(mount) === last) closings.delete(mount)
  })
}

/** Whether a walk that begins at `path` may come to such a mount. */
export function leadsToRemote(path: string): boolean {
  const below = path === '/' ? '/' : `${path}/`
  return [...remoteMountsNow()].some((mount) => mount.startsWith(below)) || isRemote(path)
}

/** Where the root itself is such a mount there is nothing elsewhere to be kept from. */
export function isRemote(path: string): boolean {
  return mountOf(path) !== undefined
}

/** The mount that `path` lies on, where it is such a one. */
export function mountOf(path: string): string | undefined {
  const mounts = remoteMountsNow()
  return mounts.size === 0 ? undefined : mountBehind(path, mounts)
}
