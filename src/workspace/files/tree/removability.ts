// Tells if the daemon can remove the source of a move to another file system, before anything has its new name, so that
// such a move is refused with nothing changed. The kernel has the last word: what it alone knows (security modules,
// root without its capabilities) shows only when the source is put away, and is undone there.

import { constants, type BigIntStats, type Stats } from 'node:fs'
import { access, accessSync, stat, statSync } from '../../../base/path-calls.ts'
import { Fault, quote } from '../../../base/fault.ts'
import { fileFlag, type FileFlag } from '../../../native/file-flags.ts'
import { isLocalDevice, onlyLocal } from '../mounts/remote-mounts.ts'

/** The facts of an entry that is to be removed. */
export interface RemovalFacts {
  readonly uid: number
  readonly flag: FileFlag | undefined
}

/** The facts of the directory that it is removed from. */
export interface ParentFacts extends RemovalFacts {
  readonly mode: number
  /** True if the permissions and the mount let names be taken from it. */
  readonly writable: boolean
}

const STICKY = 0o1000

/** Returns why `user` cannot remove the entry; undefined: nothing is known against it. */
export function obstacle(from: ParentFacts, entry: RemovalFacts, user: number): string | undefined {
  if (entry.flag !== undefined) return `it is ${entry.flag}`
  if (from.flag !== undefined) return `the directory that it is in is ${from.flag}`
  if (!from.writable) return 'the directory that it is in may not be changed by this daemon'
  if ((from.mode & STICKY) === 0 || user === 0 || entry.uid === user || from.uid === user) return undefined
  return 'it belongs to another user, and so does the sticky directory that it is in'
}

/** Throws `forbidden` if the entry cannot be removed. `path` names it. */
export function refuseUnremovable(from: ParentFacts, entry: RemovalFacts, path: string): void {
  const why = obstacle(from, entry, process.geteuid?.() ?? 0)
  if (why === undefined) return
  const sentence = `path ${quote(path)} cannot be removed after it is copied to another file system: ${why}; nothing was moved`
  throw new Fault('forbidden', sentence, { details: { field: 'path', got: path, why } })
}

/**
 * Returns the facts of an entry. `way` leads to it, a link not followed. Flags are asked for only on a local device:
 * the call is synchronous, and a server elsewhere may not answer.
 */
export function removalFacts(
  way: Buffer | string,
  { uid, dev }: Pick<Stats | BigIntStats, 'uid' | 'dev'>,
): RemovalFacts {
  return { uid: Number(uid), flag: isLocalDevice(dev) ? fileFlag(way) : undefined }
}

/** Resolves with the facts of a directory that is open. `way` leads to it. */
export async function parentFacts(way: string): Promise<ParentFacts> {
  const stats = onlyLocal() ? statSync(way) : await stat(way)
  return { ...removalFacts(way, stats), mode: stats.mode, writable: await isWritable(way) }
}

const CHANGED = constants.W_OK | constants.X_OK

async function isWritable(way: string): Promise<boolean> {
  try {
    if (onlyLocal()) accessSync(way, CHANGED)
    else await access(way, CHANGED)
    return true
  } catch {
    return false
  }
}
