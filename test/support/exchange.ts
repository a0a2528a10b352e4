// Exchanging two entries in one step (renameat2(2) with RENAME_EXCHANGE), which neither Node nor older C libraries offer.

import { errnoName, lastErrno, libc } from '../../src/native/libc.ts'

const NUMBER: Readonly<Record<string, number>> = { x64: 316, arm64: 276 }
const AT_FDCWD = -100
const RENAME_EXCHANGE = 2

const syscall5 = libc.func('long syscall(long number, long a, const char *b, long c, const char *d, long e)')

/** Throws the name of the errno. */
export function exchange(one: string, other: string): void {
  const number = NUMBER[process.arch]
  if (number === undefined) throw new Error('ENOSYS')
  if (Number(syscall5(number, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)) !== 0) {
    throw new Error(errnoName(lastErrno()))
  }
}
