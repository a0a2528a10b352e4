// Times of files to the nanosecond: Node's own calls take them as floating point, which at today's dates keeps
// some 240 ns. struct timespec is two 64-bit numbers on 64-bit Linux.

import { checked, libc } from './libc.ts'

const FUTIMENS = 'int futimens(int fd, const void *times)'
const UTIMENSAT = 'int utimensat(int directory, const void *path, const void *times, int flags)'

const futimens = libc.func(FUTIMENS)
const utimensat = libc.func(UTIMENSAT)
const futimensElsewhere = libc.waiting(FUTIMENS)
const utimensatElsewhere = libc.waiting(UTIMENSAT)

/** The access time stays as it is (bits/stat.h). */
const UTIME_OMIT = 0x3ffffffen
const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100

const SECOND = 1_000_000_000n

/** Nanoseconds since 1970. */
export interface FileTimes {
  readonly mtimeNs: bigint
  /** Not given: it stays. */
  readonly atimeNs?: bigint
}

/** struct timespec[2]: access, change. */
function timesOf({ atimeNs, mtimeNs }: FileTimes): Buffer {
  const times = Buffer.alloc(32)
  if (atimeNs === undefined) times.writeBigInt64LE(UTIME_OMIT, 8)
  else writeTime(times, atimeNs, 0)
  writeTime(times, mtimeNs, 16)
  return times
}

/** Nanoseconds count forward from the second, before 1970 too. */
function writeTime(into: Buffer, time: bigint, at: number): void {
  const nanoseconds = ((time % SECOND) + SECOND) % SECOND
  into.writeBigInt64LE((time - nanoseconds) / SECOND, at)
  into.writeBigInt64LE(nanoseconds, at + 8)
}

/** Sets the times of an open file. */
export function setFileTimes(fd: number, times: FileTimes): void {
  checked('futimens', futimens(fd, timesOf(times)))
}

/** The same by path, which is followed only where `follow` says so. */
export function setPathTimes(path: Buffer, times: FileTimes, follow: boolean): void {
  checked('utimensat', utimensat(AT_FDCWD, ended(path), timesOf(times), follow ? 0 : AT_SYMLINK_NOFOLLOW))
}

/** The same in seconds and nanoseconds, of the time of change alone. */
export function setFileTime(fd: number, seconds: number, nanoseconds: number): void {
  setFileTimes(fd, { mtimeNs: BigInt(seconds) * SECOND + BigInt(nanoseconds) })
}

export function setPathTime(
  path: Buffer,
  { seconds, nanoseconds, follow }: { seconds: number; nanoseconds: number; follow: boolean },
): void {
  setPathTimes(path, { mtimeNs: BigInt(seconds) * SECOND + BigInt(nanoseconds) }, follow)
}

/** As `setFileTimes`, where the call may wait for somebody else. False: it failed, and the errno is not known. */
export async function setFileTimesElsewhere(fd: number, times: FileTimes): Promise<boolean> {
  const bytes = timesOf(times)
  return (await futimensElsewhere(fd, bytes)) === 0 && bytes.byteLength > 0 // kept until the call is over
}

/** As `setPathTimes`, likewise. A last link is not followed. */
export async function setLinkTimesElsewhere(path: Buffer, times: FileTimes): Promise<boolean> {
  const [way, bytes] = [ended(path), timesOf(times)]
  const result = await utimensatElsewhere(AT_FDCWD, way, bytes, AT_SYMLINK_NOFOLLOW)
  return result === 0 && way.byteLength > 0 && bytes.byteLength > 0
}

function ended(path: Buffer): Buffer {
  return Buffer.concat([path, Buffer.alloc(1)])
}
