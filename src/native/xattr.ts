// Extended attributes, which hold ACLs too: a file that replaces another takes them over (F-10).
// The calls are synchronous; on local disks they take microseconds.

import { bytesOfText } from '../base/bytes-text.ts'
import { checked, errnoName, lastErrno, libc, systemError } from './libc.ts'

const listxattr = libc.func('long listxattr(const void *path, void *names, size_t size)')
const getxattr = libc.func('long getxattr(const void *path, const char *name, void *value, size_t size)')
const fsetxattr = libc.func('int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)')

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of the kernel. */
const LIST_BYTES = 65_536
const VALUE_BYTES = 65_536

/** Never carried over: file capabilities are dropped with set-id bits, labels are the system's to give. */
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

/** The text of one attribute; undefined where there is none, or where it may not be read. */
export function attributeOf(path: string, name: string): string | undefined {
  value ??= Buffer.alloc(VALUE_BYTES)
  const length = Number(getxattr(ended(path), name, value, VALUE_BYTES))
  return length === -1 ? undefined : value.toString('utf8', 0, length)
}

function ended(path: string): Buffer {
  return Buffer.concat([bytesOfText(path), Buffer.alloc(1)])
}
