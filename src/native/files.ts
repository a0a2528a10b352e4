// System calls on files that Node lacks: extended attributes, renaming that never replaces, holes, syncfs, times to the
// nanosecond, files in memory. Those without a Promise are synchronous; on local disks they take microseconds.

import { bytesOfText } from '../base/bytes-text.ts'
import { checked, errnoName, lastErrno, libc, systemError } from './libc.ts'
import { constants } from 'node:os'

const listxattr = libc.func('long listxattr(const void *path, void *names, size_t size)')
const getxattr = libc.func('long getxattr(const void *path, const char *name, void *value, size_t size)')
const fsetxattr = libc.func('int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)')

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of the kernel. */
const LIST_BYTES = 65_536
const VALUE_BYTES = 65_536

/** Attributes that are never copied: the kernel drops file capabilities, and labels are the system's to give. */
const DROPPED = /^(security|trusted)\./

let names: Buffer | undefined
let value: Buffer | undefined

/**
 * Gives the open file the attributes of the file at `from`. Throws where one cannot be set, so that the
 * caller can choose a way that keeps them; file systems without attributes have none to carry.
 */
export function copyAttributes(from: string, fd: number): void {
  const path = ended(from)
  names ??= Buffer.alloc(LIST_BYTES)
  const listed = Number(listxattr(path, names, LIST_BYTES))
  if (listed === -1) {
    const errno = lastErrno()
    if (['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoName(errno))) return
    throw systemError('listxattr', errno)
  }
  for (const name of names.toString('utf8', 0, listed).split('\0')) {
    if (name === '' || DROPPED.test(name)) continue
    value ??= Buffer.alloc(VALUE_BYTES)
    const length = checked('getxattr', Number(getxattr(path, name, value, VALUE_BYTES)))
    checked('fsetxattr', Number(fsetxattr(fd, name, value, length, 0)))
  }
}

/** Returns the text of one attribute; undefined if there is none, or if it may not be read. */
export function attributeOf(path: string, name: string): string | undefined {
  value ??= Buffer.alloc(VALUE_BYTES)
  const length = Number(getxattr(ended(path), name, value, VALUE_BYTES))
  return length === -1 ? undefined : value.toString('utf8', 0, length)
}

function ended(path: string): Buffer {
  return Buffer.concat([bytesOfText(path), Buffer.alloc(1)])
}

/**
 * renameat2(2) with RENAME_NOREPLACE: the kernel checks and renames in one step, so a name that another program makes
 * meanwhile stays. Called by number, since older C libraries lack the function.
 */
const SYS_RENAMEAT2: Readonly<Record<string, number>> = { x64: 316, arm64: 276 }

const AT_FDCWD = -100
const RENAME_NOREPLACE = 1

// syscall() is variadic in C; see process.ts.
const syscall5 = libc.func('long syscall(long number, long a, const void *b, long c, const void *d, long e)')

/** Errors for "not possible here". EINVAL: no such flag; or a directory moves into itself, which fails anyway. */
const WITHOUT = new Set(['EINVAL', 'ENOSYS', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'])

/** Returns true if done, false if it is not possible here and nothing has changed. Throws EEXIST and all others. */
export function renameNoReplace(from: string, to: string): boolean {
  const number = SYS_RENAMEAT2[process.arch]
  if (number === undefined) return false
  if (Number(syscall5(number, AT_FDCWD, ended(from), AT_FDCWD, ended(to), RENAME_NOREPLACE)) === 0) return true
  const errno = lastErrno()
  if (WITHOUT.has(errnoName(errno))) return false
  throw systemError('renameat2', errno)
}

/**
 * lseek(2) with SEEK_DATA: holes of a sparse file are neither read nor written when it is copied. The call moves the
 * descriptor's position, so its user reads and writes by position.
 */
const SEEK_DATA = 3

const lseek = libc.func('long lseek(int fd, long offset, int whence)')

/** Returns the first byte at or behind `at` that is not in a hole; undefined: only a hole is left. */
export function nextData(fd: number, at: number): number | undefined {
  const found = Number(lseek(fd, at, SEEK_DATA))
  if (found >= 0) return found
  return errnoName(lastErrno()) === 'ENXIO' ? undefined : at // a file system that cannot tell has data everywhere
}

/** Flushes a whole file system; it may take seconds, so it does not run on the calling thread. */
const syncfs = libc.waiting('int syncfs(int fd)')

/** Writes the file system in which `fd` is open to its disk. */
export async function flushFileSystem(fd: number): Promise<void> {
  if ((await syncfs(fd)) === -1) throw systemError('syncfs', constants.errno.EIO)
}

/**
 * Sets times to the nanosecond: Node takes them as floating point, which at today's dates keeps some 240 ns. struct
 * timespec is two 64-bit numbers on 64-bit Linux.
 */
const FUTIMENS = 'int futimens(int fd, const void *times)'
const UTIMENSAT = 'int utimensat(int directory, const void *path, const void *times, int flags)'

const futimens = libc.func(FUTIMENS)
const utimensat = libc.func(UTIMENSAT)
const futimensElsewhere = libc.waiting(FUTIMENS)
const utimensatElsewhere = libc.waiting(UTIMENSAT)

/** Leaves the access time unchanged (bits/stat.h). */
const UTIME_OMIT = 0x3ffffffen
const AT_SYMLINK_NOFOLLOW = 0x100

const SECOND = 1_000_000_000n

/** Times in nanoseconds since 1970. */
interface FileTimes {
  readonly mtimeNs: bigint
  /** Access time; if absent, it does not change. */
  readonly atimeNs?: bigint
}

/** Returns struct timespec[2]: access, change. */
function timesOf({ atimeNs, mtimeNs }: FileTimes): Buffer {
  const times = Buffer.alloc(32)
  if (atimeNs === undefined) times.writeBigInt64LE(UTIME_OMIT, 8)
  else writeTime(times, atimeNs, 0)
  writeTime(times, mtimeNs, 16)
  return times
}

/** Writes a time as seconds and nanoseconds; nanoseconds count forward from the second, before 1970 too. */
function writeTime(into: Buffer, time: bigint, at: number): void {
  const nanoseconds = ((time % SECOND) + SECOND) % SECOND
  into.writeBigInt64LE((time - nanoseconds) / SECOND, at)
  into.writeBigInt64LE(nanoseconds, at + 8)
}

/** Sets the times of an open file. */
export function setFileTimes(fd: number, times: FileTimes): void {
  checked('futimens', futimens(fd, timesOf(times)))
}

/** Sets the times by path; a last link is followed only if `follow` is true. */
export function setPathTimes(path: Buffer, times: FileTimes, follow: boolean): void {
  checked('utimensat', utimensat(AT_FDCWD, endedBytes(path), timesOf(times), follow ? 0 : AT_SYMLINK_NOFOLLOW))
}

/** Sets the time of change alone, in seconds and nanoseconds. */
export function setFileTime(fd: number, seconds: number, nanoseconds: number): void {
  setFileTimes(fd, { mtimeNs: BigInt(seconds) * SECOND + BigInt(nanoseconds) })
}

export function setPathTime(
  path: Buffer,
  { seconds, nanoseconds, follow }: { seconds: number; nanoseconds: number; follow: boolean },
): void {
  setPathTimes(path, { mtimeNs: BigInt(seconds) * SECOND + BigInt(nanoseconds) }, follow)
}

/** Does `setFileTimes` for a file system that may not answer. False: it failed, and the errno is not known. */
export async function setFileTimesElsewhere(fd: number, times: FileTimes): Promise<boolean> {
  const bytes = timesOf(times)
  return (await futimensElsewhere(fd, bytes)) === 0 && bytes.byteLength > 0 // kept until the call is over
}

/** Does `setPathTimes` for a file system that may not answer. A last link is not followed. */
export async function setLinkTimesElsewhere(path: Buffer, times: FileTimes): Promise<boolean> {
  const [way, bytes] = [endedBytes(path), timesOf(times)]
  const result = await utimensatElsewhere(AT_FDCWD, way, bytes, AT_SYMLINK_NOFOLLOW)
  return result === 0 && way.byteLength > 0 && bytes.byteLength > 0
}

function endedBytes(path: Buffer): Buffer {
  return Buffer.concat([path, Buffer.alloc(1)])
}

/**
 * memfd_create(2): a file in memory needs no directory, and is gone when its last descriptor is closed. Called by
 * number, since older C libraries lack the function.
 */
const SYS_MEMFD_CREATE: Readonly<Record<string, number>> = { x64: 319, arm64: 279 }
const MFD_CLOEXEC = 1

// syscall() is variadic in C; see process.ts.
const syscall2 = libc.func('long syscall(long number, const char *name, long flags)')

/** Returns the descriptor, close-on-exec; the caller closes it. `name` is what /proc shows. */
export function openMemoryFile(name: string): number {
  const number = SYS_MEMFD_CREATE[process.arch]
  if (number === undefined) throw systemError('memfd_create', constants.errno.ENOSYS)
  return checked('memfd_create', Number(syscall2(number, name, MFD_CLOEXEC)))
}
