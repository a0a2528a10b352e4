// The kernel's random bytes by getrandom(2), which needs neither a descriptor nor a file: glibc 2.25, musl 1.1.20.

import { constants } from 'node:os'
import { lastErrno, libc, systemError } from './libc.ts'

const getrandom = libc.func('long getrandom(void *bytes, size_t count, unsigned int flags)')

export function fillRandom(bytes: Buffer): void {
  for (let filled = 0; filled < bytes.length;) {
    const got = Number(getrandom(bytes.subarray(filled), bytes.length - filled, 0))
    if (got > 0) filled += got
    else if (lastErrno() !== constants.errno.EINTR) throw systemError('getrandom', lastErrno())
  }
}
