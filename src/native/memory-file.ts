// A file that is nowhere but in memory (memfd_create(2)): it needs no directory to be made in, and is gone when the
// last descriptor of it is closed. By number, since older C libraries lack the function.

import { checked, libc, systemError } from './libc.ts'
import { constants } from 'node:os'

const SYS_MEMFD_CREATE: Readonly<Record<string, number>> = { x64: 319, arm64: 279 }
const MFD_CLOEXEC = 1

// syscall() is variadic in C; see process.ts.
const syscall2 = libc.func('long syscall(long number, const char *name, long flags)')

/** Its descriptor, close-on-exec; the caller closes it. `name` is what /proc shows. */
export function openMemoryFile(name: string): number {
  const number = SYS_MEMFD_CREATE[process.arch]
  if (number === undefined) throw systemError('memfd_create', constants.errno.ENOSYS)
  return checked('memfd_create', Number(syscall2(number, name, MFD_CLOEXEC)))
}
