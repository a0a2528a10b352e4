// Renaming that never replaces (renameat2(2) with RENAME_NOREPLACE): the kernel looks and acts in one step, so
// whoever makes the new name meanwhile keeps it. By number, since older C libraries lack the function.

import { bytesOfText } from '../base/bytes-text.ts'
import { errnoName, lastErrno, libc, systemError } from './libc.ts'

const SYS_RENAMEAT2: Readonly<Record<string, number>> = { x64: 316, arm64: 276 }

const AT_FDCWD = -100
const RENAME_NOREPLACE = 1

// syscall() is variadic in C; see process.ts.
const syscall5 = libc.func('long syscall(long number, long a, const void *b, long c, const void *d, long e)')

/** EINVAL: the file system has no such flag; or a directory goes into itself, which a plain rename refuses too. */
const WITHOUT = new Set(['EINVAL', 'ENOSYS', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'])

/** True: done. False: not possible in this way here, and nothing has changed. EEXIST and the rest are thrown. */
export function renameNoReplace(from: string, to: string): boolean {
  const number = SYS_RENAMEAT2[process.arch]
  if (number === undefined) return false
  if (Number(syscall5(number, AT_FDCWD, ended(from), AT_FDCWD, ended(to), RENAME_NOREPLACE)) === 0) return true
  const errno = lastErrno()
  if (WITHOUT.has(errnoName(errno))) return false
  throw systemError('renameat2', errno)
}

function ended(path: string): Buffer {
  return Buffer.concat([bytesOfText(path), Buffer.alloc(1)])
}
