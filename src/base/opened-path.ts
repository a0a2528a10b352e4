// Paths of files and directories that this process holds open, by way of /proc/self/fd (proc(5)). Such a path leads to
// the same file or directory after any rename or link above it, and is never longer than a name. Two walkers of pinned
// trees are built on it: one on the main thread, whose calls wait in Node's file threads
// (workspace/files/tree/tree-walk.ts), and one in the thread of an upload, whose calls are synchronous
// (threads/archive/pinned-tree.ts; 10 µs a step instead of 35). They share these paths and no more: each step of the
// first awaits, and no step of the second may.

import { existsSync, readFileSync } from 'node:fs'
import { bytesOfText } from './bytes-text.ts'

/** Flag of open(2): opens no content, so needs no permission to read and wakes no FIFO; for x64 and arm64. */
export const O_PATH = 0o10000000

/** Symbolic links that the kernel follows on one path (path_resolution(7)); more are taken for a loop. */
export const MOST_LINKS = 40

/** False if /proc is not mounted: then there are no such paths. */
export function canReachOpened(): boolean {
  return existsSync('/proc/self/fd')
}

/** Returns a path of the file that is open as `fd`. The kernel shows it as a link. */
export function pathOfOpened(fd: number): string {
  return `/proc/self/fd/${fd}`
}

/** Returns a path of the entry `name` in the directory that is open as `fd`; a name need not be UTF-8. */
export function entryOfOpened(fd: number, name: Buffer | string): Buffer {
  const bytes = typeof name === 'string' ? bytesOfText(name) : name
  return Buffer.concat([Buffer.from(`${pathOfOpened(fd)}/`), bytes])
}

/**
 * Returns the kernel's number of the mount that `fd` was reached by (a bind mount has the device of what it shows), ''
 * where the kernel tells none. 20 µs; it asks no file system. Throws the system's error where /proc is not mounted.
 */
export function mountIdOfOpened(fd: number): string {
  return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? ''
}
