// Watches of directories by the kernel (inotify(7)), and a counter that wakes a thread blocked in poll(2) (eventfd(2)).
// Numbers and the layout of an event are those of the kernel's headers, the same on x64 and arm64. This module closes
// the descriptors that it opens: Node counts those of a worker and would complain.

import { constants } from 'node:os'
import { checked, errnoName, lastErrno, libc } from './libc.ts'

/** Kinds of events. */
export const IN = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  CLOSE_WRITE: 0x8,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ISDIR: 0x40000000,
} as const

/** Flags with which a watch is added. */
const ONLYDIR = 0x01000000
const DONT_FOLLOW = 0x02000000
const EXCL_UNLINK = 0x04000000

/** struct inotify_event { int wd; uint32_t mask, cookie, len; char name[len] }, names padded with NUL. */
export const EVENT = { wd: 0, mask: 4, cookie: 8, length: 12, name: 16 } as const
/** The longest event: the header and NAME_MAX bytes with their NUL. */
export const LONGEST_EVENT = EVENT.name + 256

const CLOEXEC = 0o2000000
const NONBLOCK = 0o4000

const init = libc.func('int inotify_init1(int flags)')
const addNamed = libc.func('int inotify_add_watch(int fd, const char *path, uint32_t mask)')
const addBytes = libc.func('int inotify_add_watch(int fd, const void *path, uint32_t mask)')
const remove = libc.func('int inotify_rm_watch(int fd, int wd)')
const close = libc.func('int close(int fd)')
const eventfd = libc.func('int eventfd(unsigned int value, int flags)')

/** Opens a new queue of events; throws EMFILE if fs.inotify.max_user_instances is used up. */
export function openInotify(): number {
  return checked('inotify_init1', init(CLOEXEC | NONBLOCK))
}

/** Events that a watch asks for. A file that is open but unlinked has no place in the tree any more. */
const WANTED =
  IN.MODIFY | IN.ATTRIB | IN.CLOSE_WRITE | IN.MOVED_FROM | IN.MOVED_TO | IN.CREATE | IN.DELETE | EXCL_UNLINK | ONLYDIR

/**
 * Watches a directory; returns its watch descriptor, or the errno's name. Only the root of a tree may be a symbolic
 * link, and only the root is watched for its removal.
 */
export function addWatch(fd: number, path: string | Buffer, root: boolean): number | string {
  const mask = root ? WANTED | IN.DELETE_SELF | IN.MOVE_SELF : WANTED | DONT_FOLLOW
  const wd: number =
    typeof path === 'string' ? addNamed(fd, path, mask) : addBytes(fd, Buffer.concat([path, NUL]), mask)
  return wd === -1 ? errnoName(lastErrno()) : wd
}

const NUL = Buffer.alloc(1)

/** Removes a watch; one that the kernel has removed by itself is no error. */
export function removeWatch(fd: number, wd: number): void {
  if (remove(fd, wd) === -1 && lastErrno() !== constants.errno.EINVAL) checked('inotify_rm_watch', -1)
}

/** Closes what openInotify or openWakeup opened. */
export function closeDescriptor(fd: number): void {
  close(fd)
}

/** Opens a counter of 64 bits: poll(2) reports it readable until it has been read. Reads and writes never wait. */
export function openWakeup(): number {
  return checked('eventfd', eventfd(0, CLOEXEC | NONBLOCK))
}
