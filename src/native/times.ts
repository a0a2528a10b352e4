// Times of change to the nanosecond: Node's own calls take them as floating point, which at today's dates keeps
// some 240 ns. struct timespec is two 64-bit numbers on 64-bit Linux.

import { checked, libc } from './libc.ts'

const futimens = libc.func('int futimens(int fd, const void *times)')
const utimensat = libc.func('int utimensat(int directory, const void *path, const void *times, int flags)')

/** The access time stays as it is (bits/stat.h). */
const UTIME_OMIT = 0x3ffffffe
const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100

/** struct timespec[2]: access, change. Used by one call at a time: they are synchronous. */
const times = Buffer.alloc(32)
times.writeBigInt64LE(BigInt(UTIME_OMIT), 8)

function timesOf(seconds: number, nanoseconds: number): Buffer {
  times.writeBigInt64LE(BigInt(seconds), 16)
  times.writeBigInt64LE(BigInt(nanoseconds), 24)
  return times
}

/** Sets the time of change of an open file. */
export function setFileTime(fd: number, seconds: number, nanoseconds: number): void {
  checked('futimens', futimens(fd, timesOf(seconds, nanoseconds)))
}

/** The same by path, which is followed only where `follow` says so. */
export function setPathTime(
  path: Buffer,
  { seconds, nanoseconds, follow }: { seconds: number; nanoseconds: number; follow: boolean },
): void {
  const ended = Buffer.concat([path, Buffer.alloc(1)])
  checked('utimensat', utimensat(AT_FDCWD, ended, timesOf(seconds, nanoseconds), follow ? 0 : AT_SYMLINK_NOFOLLOW))
}
