// Writing a whole file system to its disk: one call for a tree of files, which may take seconds and so does not run
// on the thread that asks.

import { constants } from 'node:os'
import { libc, systemError } from './libc.ts'

const syncfs = libc.waiting('int syncfs(int fd)')

/** Everything of the file system in which `fd` is open. */
export async function flushFileSystem(fd: number): Promise<void> {
  if ((await syncfs(fd)) === -1) throw systemError('syncfs', constants.errno.EIO)
}
