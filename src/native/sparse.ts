// Where the data of a sparse file lies (lseek(2) with SEEK_DATA): holes are neither read nor written when it is
// copied. The call moves the descriptor's own position, so whoever uses it reads and writes by position.

import { errnoName, lastErrno, libc } from './libc.ts'

const SEEK_DATA = 3

const lseek = libc.func('long lseek(int fd, long offset, int whence)')

/** The first byte at or behind `at` that is no hole; undefined: only a hole is left. */
export function nextData(fd: number, at: number): number | undefined {
  const found = Number(lseek(fd, at, SEEK_DATA))
  if (found >= 0) return found
  return errnoName(lastErrno()) === 'ENXIO' ? undefined : at // a file system that cannot tell has data everywhere
}
