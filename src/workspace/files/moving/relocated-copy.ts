// Copies beside the new place, then gives the copy its name; a move then puts the source away and removes it. Obstacles
// to the removal of the source are looked for before the copy has its name (removability.ts); if the source cannot be
// put away all the same, the new name is taken back. Only if the kernel renames no such directory is the source removed
// where it stands, file by file, as mv(1) does: the destination is complete by then.

import type { Stats } from 'node:fs'
import { Fault, faultOfSystem, quote } from '../../../base/fault.ts'
import { link, open, rename } from '../../../base/path-calls.ts'
import { flushFileSystem } from '../../../native/files.ts'
import { lookAt, type HeldEntry } from '../opening/held-directory.ts'
import { parentFacts, refuseUnremovable, removalFacts } from '../tree/removability.ts'
import { copyTree, type CopyTally } from '../tree/tree-copy.ts'
import type { FileWriter } from '../write/file-writer.ts'
import type { WriteJournal } from '../write/write-journal.ts'
import type { RelocationEnds } from './relocation.ts'
import { giveName, type NewName, openStaging, putAway, type Staging } from './staging.ts'

interface CopyWork {
  readonly writer: Pick<FileWriter, 'journal' | 'alone'>
  readonly durable: boolean
  /** The source's path as the client named it. */
  readonly path: string
  readonly signal: AbortSignal
}

export async function copyBeside(ends: RelocationEnds, work: CopyWork): Promise<CopyTally> {
  const { what, name } = ends
  await using staging = await openStaging(name.entry, work.writer.journal)
  try {
    const tally = await stage(ends, staging, { ...work, whole: false })
    await work.writer.alone([name.entry], () => giveName(staging.entry.way, what, name))
    staging.release()
    return tally
  } catch (error) {
    throw faultOfSystem(error, name.to)
  }
}

export async function moveByCopy(ends: RelocationEnds, work: CopyWork): Promise<CopyTally> {
  const { source, what, name } = ends
  const { writer, durable } = work
  refuseUnremovable(await parentFacts(source.directory.way('.')), removalFacts(source.way, what), work.path)
  await using staging = await openStaging(name.entry, writer.journal)
  let tally: CopyTally
  try {
    tally = await stage(ends, staging, { ...work, whole: true })
  } catch (error) {
    throw faultOfSystem(error, name.to)
  }
  if (tally.skipped > 0) throw notMovable(work.path, tally.skipped)
  const away = await writer.alone([source, name.entry], async () => {
    await refuseChanged(source, what, work.path)
    return await exchangePlaces(ends, staging, work)
  })
  if (durable) await name.entry.directory.sync()
  await removeSource(away, work.path, name)
  return tally
}

async function stage(
  { source, what, name }: RelocationEnds,
  staging: Staging,
  { durable, signal, whole }: CopyWork & { readonly whole: boolean },
): Promise<CopyTally> {
  const sync = durable && !what.isDirectory()
  const tally = await copyTree(source, staging.entry, { whole, sync, signal, noClones: false, to: name.to })
  if (durable && what.isDirectory()) await flush(staging.entry.way)
  signal.throwIfAborted()
  return tally
}

async function flush(directory: string): Promise<void> {
  await using handle = await open(directory)
  await flushFileSystem(handle.fd)
}

/**
 * Gives the copy its name and puts the source out of sight, or does neither. Disposing of the result removes the
 * source.
 */
async function exchangePlaces(ends: RelocationEnds, staging: Staging, work: CopyWork): Promise<AsyncDisposable> {
  const { source, what, name } = ends
  const { journal } = work.writer
  await using before = await keepStanding(name, journal)
  const copy = await lookAt(staging.entry)
  try {
    await giveName(staging.entry.way, what, name)
  } catch (error) {
    throw faultOfSystem(error, name.to)
  }
  try {
    const away = await putAway(source, journal)
    staging.release()
    return away
  } catch (error) {
    const now = await lookAt(name.entry)
    const ours = now !== undefined && now.ino === copy?.ino && now.dev === copy.dev
    const undone = ours && (await takeBack(name, staging, before))
    const outcome = undone ? 'nothing was moved' : `${quote(name.to)} is a complete copy of it`
    throw faultOfSource(error, work.path, outcome)
  }
}

/** A second name for the file that is about to be replaced, until it is disposed of. */
interface KeptTarget extends AsyncDisposable {
  /** Second name; undefined if the file system has no hard links. */
  readonly kept: HeldEntry | undefined
}

async function keepStanding(name: NewName, journal: WriteJournal): Promise<KeptTarget | undefined> {
  if (!name.overwrite || (await lookAt(name.entry)) === undefined) return undefined
  const place = await openStaging(name.entry, journal)
  const dispose = { [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
  try {
    await link(name.entry.way, place.entry.way)
    return { kept: place.entry, ...dispose }
  } catch {
    return { kept: undefined, ...dispose }
  }
}

/** Resolves with false if the replaced file cannot be brought back: then the copy stays. */
async function takeBack(name: NewName, staging: Staging, before: KeptTarget | undefined): Promise<boolean> {
  if (before === undefined) await rename(name.entry.way, staging.entry.way)
  else if (before.kept === undefined) return false
  else await rename(before.kept.way, name.entry.way)
  return true
}

async function removeSource(away: AsyncDisposable, path: string, { to }: NewName): Promise<void> {
  try {
    await away[Symbol.asyncDispose]()
  } catch (error) {
    throw faultOfSource(error, path, `${quote(to)} is complete, and what is left of the source could not be removed`)
  }
}

function faultOfSource(error: unknown, path: string, outcome: string): unknown {
  const fault = faultOfSystem(error, path)
  if (!(fault instanceof Fault)) return error
  return new Fault(fault.code, `${fault.message}; ${outcome}`, {
    details: { field: 'path', ...fault.details },
    cause: error,
  })
}

/**
 * Throws `conflict` if the source changed since it was read: its new content would be lost with it. Of a directory only
 * itself is looked at.
 */
async function refuseChanged(source: HeldEntry, what: Stats, path: string): Promise<void> {
  const now = await lookAt(source)
  const sameContent = what.isDirectory() || (now?.size === what.size && now.ctimeMs === what.ctimeMs)
  if (now?.ino === what.ino && now.dev === what.dev && sameContent) return
  throw new Fault('conflict', `path ${quote(path)} changed while it was copied; nothing was moved`, {
    details: { field: 'path', got: path },
  })
}

/** Returns the fault of a source with entries that a copy leaves out: they would be lost with the source. */
function notMovable(path: string, skipped: number): Fault {
  const sentence = `path ${quote(path)} holds FIFOs, sockets or devices (${skipped}), which do not go to another file system; nothing was moved`
  return new Fault('conflict', sentence, { details: { field: 'path', got: path, skipped } })
}
