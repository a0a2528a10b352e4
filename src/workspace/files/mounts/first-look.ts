// Looks at the places that the configuration names, when the daemon or a command starts. A place may lie on a remote
// file system (remote-mounts.ts): a look on the main thread would then keep the daemon from starting, and from being
// stopped. So the table of mounts tells of such a place, which needs no native library, and the look itself has a limit
// of time.

import { constants, readFileSync } from 'node:fs'
import { parseMounts } from '../../../base/mountinfo.ts'
import { access, stat } from '../../../base/path-calls.ts'
import { mountBehind } from './mount-table.ts'
import { remotePoints } from './remote-mounts.ts'

/** Time that a look may take. A service manager waits longer than this for a start. */
export const PATIENCE_MS = 5000

/** True if a remote file system is on the way of this path. False where /proc does not tell. */
export function mayNotAnswer(path: string): boolean {
  return mountOnTheWay(path) !== undefined
}

/** Returns the first remote mount point on the way of this path. */
function mountOnTheWay(path: string): string | undefined {
  try {
    return mountBehind(path, remotePoints(parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))))
  } catch {
    return undefined
  }
}

/** Resolves with true if it is a directory that can be entered; undefined: not known in time. */
export async function canBeEntered(path: string): Promise<boolean | undefined> {
  return await inTime(entered(path))
}

/** Resolves with the mount that `path` lies on if that does not tell in time what is at `path`; else undefined. */
export async function silentMount(path: string): Promise<string | undefined> {
  const mount = mountOnTheWay(path)
  if (mount === undefined) return undefined
  const looked = stat(path).then(
    () => true,
    () => true, // an error is an answer
  )
  return (await inTime(looked)) === undefined ? mount : undefined
}

/**
 * Looks that have not come back. Each keeps a thread of the process, which Node would join at its exit; so the count is
 * the process's too, and `leave` asks for it where nothing was opened.
 */
let standing = 0

export function aLookStands(): boolean {
  return standing > 0
}

/** Resolves with undefined if the answer does not come in time. */
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
