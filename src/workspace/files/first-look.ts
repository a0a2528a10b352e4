// The look at the default working directory when the daemon starts. It may lie on a file system that does not answer
// (NFS, FUSE, 9p …): a look on the main thread would then keep the daemon from starting, and from being stopped. So
// such a directory is told by the table of mounts alone, which needs no native library, and looked at with a limit.

import { constants, readFileSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { mountBehind } from './mount-behind.ts'
import { remotePoints } from './mounts.ts'

/** A service manager waits longer than this for a start. */
const PATIENCE_MS = 5000

/** True where a file system of others is on the way of this path. False where /proc does not tell. */
export function mayNotAnswer(path: string): boolean {
  try {
    return mountBehind(path, remotePoints(readFileSync('/proc/self/mountinfo', 'utf8'))) !== undefined
  } catch {
    return false
  }
}

/** Whether it is a directory that can be entered; undefined where that is not known in time. */
export async function canBeEntered(path: string, patienceMs = PATIENCE_MS): Promise<boolean | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), patienceMs)
  try {
    return await Promise.race([entered(path), late])
  } finally {
    clearTimeout(timer)
  }
}

async function entered(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}
