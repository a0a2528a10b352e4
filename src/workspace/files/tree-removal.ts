// Empties a directory of any depth and width in bounded memory (reliability F-19). Each directory is opened
// without following links and its entries are reached through that open directory (/proc/self/fd/<n>/name):
// nobody who swaps a directory for a link while we work can lead us outside, and no path gets longer than
// the kernel takes. A few directories are open at a time; the way back up to one that is not is "..", checked to
// be where we came from.

import { constants } from 'node:fs'
import { open, opendir, rmdir, unlink, type FileHandle } from 'node:fs/promises'
import { errnoOf, Fault } from '../../fault.ts'

/** Entries taken from a directory at once, and unlinked side by side. */
const BATCH = 64

/** A directory that others keep filling while we empty it is given up after this many rounds. */
const MOST_REFILLS = 20

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants

/** Directories kept open on the way down; those above are closed, and opened again on the way back. */
const MOST_OPEN = 32

interface Level {
  /** Its name in the directory above. */
  readonly name: Buffer
  readonly dev: number
  readonly ino: number
  /** Always there for the deepest level. */
  handle: FileHandle | undefined
  /** Subdirectories found and not yet removed. */
  readonly subdirectories: Buffer[]
  /** The last batch was the rest: once its subdirectories are gone, nothing is left. */
  seenAll: boolean
  refills: number
}

export async function emptyDirectory(path: string, signal: AbortSignal): Promise<void> {
  const levels: Level[] = [await openLevel(path, Buffer.alloc(0))]
  try {
    for (let level = levels.at(-1); level?.handle !== undefined; level = levels.at(-1)) {
      signal.throwIfAborted()
      const next = level.subdirectories.at(-1)
      if (next !== undefined) {
        levels.push(await openLevel(entry(level.handle, next), next, levels[0]))
        await closeLevel(levels.at(-1 - MOST_OPEN))
      } else if (level.seenAll) {
        const above = levels.at(-2)
        if (above === undefined) return
        above.handle ??= await enterAbove(level.handle, above)
        levels.pop()
        await closeLevel(level)
        await removeEmptied(above.handle, above, level)
      } else {
        await takeBatch(level.handle, level)
      }
    }
  } finally {
    for (const level of levels) await closeLevel(level)
  }
}

function entry(directory: FileHandle, name: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory.fd}/`), Buffer.from(name)])
}

async function enter(path: Buffer | string): Promise<FileHandle> {
  return await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
}

async function openLevel(path: Buffer | string, name: Buffer, top?: Level): Promise<Level> {
  const handle = await enter(path)
  const { dev, ino } = await handle.stat()
  if (top !== undefined && top.dev !== dev) {
    await handle.close()
    throw new Fault('conflict', 'another file system is mounted inside; it and what holds it were left')
  }
  return { name, dev, ino, handle, subdirectories: [], seenAll: false, refills: 0 }
}

async function closeLevel(level: Level | undefined): Promise<void> {
  const handle = level?.handle
  if (level !== undefined) level.handle = undefined
  await handle?.close()
}

async function enterAbove(directory: FileHandle, expected: Level): Promise<FileHandle> {
  const above = await enter(entry(directory, '..'))
  const { dev, ino } = await above.stat()
  if (dev === expected.dev && ino === expected.ino) return above
  await above.close()
  throw new Fault('conflict', 'directories were moved while they were being deleted; what is left was not touched')
}

/** Unlinks up to BATCH entries and notes the directories among them. */
async function takeBatch(directory: FileHandle, level: Level): Promise<void> {
  const files: Buffer[] = []
  // Names that are not UTF-8 exist: they are read and handed back as bytes. The types know no such encoding.
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: BATCH }
  for await (const found of await opendir(`/proc/self/fd/${directory.fd}`, options)) {
    const name = Buffer.from(found.name)
    if (found.isDirectory()) level.subdirectories.push(name)
    else files.push(name)
    if (files.length + level.subdirectories.length >= BATCH) break
  }
  const outcomes = await Promise.allSettled(files.map((name) => unlinkOrNote(entry(directory, name))))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  level.seenAll = files.length + level.subdirectories.length < BATCH
}

async function unlinkOrNote(path: Buffer): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

async function removeEmptied(directory: FileHandle, above: Level, emptied: Level): Promise<void> {
  try {
    await rmdir(entry(directory, emptied.name))
  } catch (error) {
    if (errnoOf(error) === 'ENOTEMPTY' && ++above.refills <= MOST_REFILLS) return // it is entered once more
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  above.subdirectories.pop()
}
