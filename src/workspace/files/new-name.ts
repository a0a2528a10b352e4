// Giving something its new name: never in the place of something else unless that was asked for, and never in the
// place of a directory. The kernel looks and acts in one step where it can; elsewhere a second name is made before
// the first goes (files) or an empty directory is made to be replaced (directories).

import type { Stats } from 'node:fs'
import { link, mkdir, rename, rmdir, unlink } from '../../base/path-calls.ts'
import { errnoOf, Fault, quote } from '../../base/fault.ts'
import { renameNoReplace } from '../../native/files.ts'
import { lookAt, type HeldEntry } from './held-directory.ts'
import { onlyLocal } from './mounts.ts'

export interface NewName {
  /** Where it goes: in a directory that is held open. */
  readonly entry: HeldEntry
  /** As it was asked for. */
  readonly to: string
  readonly overwrite: boolean
}

/** Throws where the name is taken and may not be replaced by what `what` tells of. */
export function refuseTaken(now: Stats | undefined, what: Stats, name: Omit<NewName, 'entry'>): void {
  const { to, overwrite } = name
  if (now === undefined) return
  if (now.isDirectory()) {
    throw taken(to, `is a directory, which is never replaced; name the new path itself, such as ${quote(`${to}/name`)}`)
  }
  if (!overwrite) throw taken(to, 'exists already; overwrite replaces it')
  if (what.isDirectory()) throw taken(to, 'exists already, and a directory does not replace a file')
}

/** Renames `from`, of which `what` tells, to the new name. Throws the system's error, EXDEV among them. */
export async function giveName(from: string, what: Stats, name: NewName): Promise<void> {
  refuseTaken(await lookAt(name.entry), what, name)
  if (name.overwrite) return await rename(from, name.entry.way)
  try {
    await renameToNothing(from, what, name.entry.way)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw taken(name.to, 'exists already; overwrite replaces it')
    throw error
  }
}

async function renameToNothing(from: string, what: Stats, to: string): Promise<void> {
  // The call is made on the main thread: elsewhere it could wait for somebody else's answer.
  if (onlyLocal() && renameNoReplace(from, to)) return
  await renameInSteps(from, what, to)
}

/** The same by calls that every kernel and file system has. */
export async function renameInSteps(from: string, what: Stats, to: string): Promise<void> {
  if (what.isDirectory()) return await renameDirectory(from, to)
  try {
    await link(from, to)
  } catch (error) {
    if (!WITHOUT_LINKS.has(errnoOf(error) ?? '')) throw error
    return await rename(from, to) // looked at a moment ago; this file system offers nothing better
  }
  await unlink(from)
}

const WITHOUT_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** A directory replaces an empty one, and nothing else: the one just made. */
async function renameDirectory(from: string, to: string): Promise<void> {
  await mkdir(to, 0o700)
  try {
    await rename(from, to)
  } catch (error) {
    await rmdir(to)
    throw error
  }
}

function taken(to: string, why: string): Fault {
  return new Fault('conflict', `to is ${quote(to)}, which ${why}`, { details: { field: 'to', got: to } })
}
