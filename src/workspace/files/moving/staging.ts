// A temporary place beside the one where a file or tree is to appear (`openStaging`), of random name, in the journal
// before it is made until it is gone, so that neither a failure nor a kill leaves a part of it behind (F-06, F-21); and
// the step that gives something its new name (`giveName`): never in the place of something else unless that was asked
// for, and never in the place of a directory.

import type { Stats } from 'node:fs'
import { errnoOf, Fault, quote } from '../../../base/fault.ts'
import { rename, rmdir, unlink, link, mkdir } from '../../../base/path-calls.ts'
import { renameNoReplace } from '../../../native/files.ts'
import { onlyLocal } from '../mounts/remote-mounts.ts'
import { lookAt, type HeldEntry } from '../opening/held-directory.ts'
import { emptyDirectory } from '../tree/tree-removal.ts'
import { openStack } from '../tree/tree-walk.ts'
import { temporaryBeside } from '../write/new-content.ts'
import type { WriteJournal } from '../write/write-journal.ts'

/** A staging place. Disposing of it removes its content. */
export interface Staging extends AsyncDisposable {
  readonly entry: HeldEntry
  /** Tells that what stands there has got its new name: it is no longer ours. */
  release(): void
}

const NEVER = new AbortController().signal

/** Opens one in the directory of `beside`, which the caller holds for longer. */
export async function openStaging(beside: HeldEntry, journal: WriteJournal): Promise<Staging> {
  const entry = temporaryBeside(beside)
  await journal.begin(entry.real, 'tree')
  let ours = true
  const release = (): void => {
    if (ours) journal.end(entry.real)
    ours = false
  }
  return {
    entry,
    release,
    async [Symbol.asyncDispose]() {
      if (!ours) return
      await removeAny(entry)
      release() // if it could not be removed it stays in the journal for the next start
    },
  }
}

/**
 * Takes the thing at `entry` out of sight in one step, or leaves it if the file system renames no such directory
 * (overlayfs those of its lower layers, EXDEV). Disposing of the result removes it. Throws the system's error with
 * everything as it was.
 */
export async function putAway(entry: HeldEntry, journal: WriteJournal): Promise<AsyncDisposable> {
  const staging = await openStaging(entry, journal)
  try {
    await rename(entry.way, staging.entry.way)
    return staging
  } catch (error) {
    staging.release()
    if (errnoOf(error) !== 'EXDEV') throw error
    return { [Symbol.asyncDispose]: () => removeAny(entry) }
  }
}

async function removeAny(entry: HeldEntry): Promise<void> {
  try {
    if ((await lookAt(entry))?.isDirectory() !== true) return await unlink(entry.way)
    await using stack = await openStack(entry.way)
    await emptyDirectory(stack, NEVER)
    await rmdir(entry.way)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

export interface NewName {
  /** The place it gets, in a directory that is held open. */
  readonly entry: HeldEntry
  /** The path as the client named it. */
  readonly to: string
  readonly overwrite: boolean
}

/** Throws `conflict` if the name is taken by `now` and what has the facts `what` may not replace that. */
export function refuseTaken(now: Stats | undefined, what: Stats, name: Omit<NewName, 'entry'>): void {
  const { to, overwrite } = name
  if (now === undefined) return
  if (now.isDirectory()) {
    throw taken(to, `is a directory, which is never replaced; name the new path itself, such as ${quote(`${to}/name`)}`)
  }
  if (!overwrite) throw taken(to, 'exists already; overwrite replaces it')
  if (what.isDirectory()) throw taken(to, 'exists already, and a directory does not replace a file')
}

/**
 * Renames `from`, which has the facts `what`. Throws `conflict`, or the system's error, EXDEV among them. The kernel
 * looks and acts in one step if it can; otherwise a second name is made before the first goes (files), or an empty
 * directory is made to be replaced (directories).
 */
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
  // The call is made on the main thread: on a remote file system it could wait.
  if (onlyLocal() && renameNoReplace(from, to)) return
  await renameInSteps(from, what, to)
}

/** Renames by calls that every kernel and file system has. */
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

/** Renames a directory over an empty one, the one that was just made: it replaces nothing else. */
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
