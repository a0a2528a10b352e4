// The look at the places of the configuration when the daemon or a command starts. One may lie on a file system that does
// not answer (NFS, FUSE, 9p …): a look on the main thread would then keep the daemon from starting, and from being
// stopped. So such a place is told by the table of mounts alone, which needs no native library, and looked at with a
// limit of time.

import { constants, readFileSync } from 'node:fs'
import { parseMounts } from '../../../base/mountinfo.ts'
import { access, stat } from '../../../base/path-calls.ts'
import { mountBehind } from './mount-table.ts'
import { remotePoints } from './remote-mounts.ts'

/** A service manager waits longer than this for a start. */
export const PATIENCE_MS = 5000

/** True where a file system of others is on the way of this path. False where /proc does not tell. */
export function mayNotAnswer(path: string): boolean {
  return mountOnTheWay(path) !== undefined
}

/** The mount point of the first file system of others on the way of this path. */
function mountOnTheWay(path: string): string | undefined {
  try {
    return mountBehind(path, remotePoints(parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))))
  } catch {
    return undefined
  }
}

/** Whether it is a directory that can be entered; undefined where that is not known in time. */
export async function canBeEntered(path: string): Promise<boolean | undefined> {
  return await inTime(entered(path))
}

/** The mount that `path` lies on, where it does not tell in time what is at `path`; undefined where it does. */
export async function silentMount(path: string): Promise<string | undefined> {
  const mount = mountOnTheWay(path)
  if (mount === undefined) return undefined
  const looked = stat(path).then(
    () => true,
    () => true, // an error is an answer
  )
  return (await inTime(looked)) === undefined ? mount : undefined
}

/** Looks that have not come back: each keeps a thread, which Node would join at its exit. */
let standing = 0

export function aLookStands(): boolean {
  return standing > 0
}

/** Undefined where it is not known in time. */
async function inTime<T>(known: Promise<T>): Promise<T | undefined> {
  standing++
  void known.finally(() => standing--)
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), PATIENCE_MS)
  try {
    return await Promise.race([known, late])
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
