// Flags of a file that keep even root from removing it (statx(2), chattr(1)): Node's stat leaves them out. Called by
// number, since older C libraries lack the function. struct statx is the same on every architecture.

import { bytesOfText } from '../base/bytes-text.ts'
import { libc } from './libc.ts'

const SYS_STATX: Readonly<Record<string, number>> = { x64: 332, arm64: 291 }

const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100
/** struct statx (linux/stat.h): its size, and the offset of stx_attributes, whose low half has both flags. */
const STATX = { bytes: 256, attributes: 8 } as const
const STATX_ATTR_IMMUTABLE = 0x10
const STATX_ATTR_APPEND = 0x20

// syscall() is variadic in C; see process.ts.
const syscall5 = libc.func('long syscall(long number, long a, const void *b, long c, long d, void *e)')

const answer = Buffer.alloc(STATX.bytes)

export type FileFlag = 'immutable' | 'append-only'

/** Returns the flag; undefined: neither, or the file system does not tell. Follows no last link. Synchronous. */
export function fileFlag(path: Buffer | string): FileFlag | undefined {
  const number = SYS_STATX[process.arch]
  if (number === undefined) return undefined
  const ended = Buffer.concat([typeof path === 'string' ? bytesOfText(path) : path, Buffer.alloc(1)])
  if (Number(syscall5(number, AT_FDCWD, ended, AT_SYMLINK_NOFOLLOW, 0, answer)) !== 0) return undefined
  const attributes = answer.readUInt32LE(STATX.attributes)
  if ((attributes & STATX_ATTR_IMMUTABLE) !== 0) return 'immutable'
  return (attributes & STATX_ATTR_APPEND) !== 0 ? 'append-only' : undefined
}
