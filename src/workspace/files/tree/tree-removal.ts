// Empties a directory of any depth and width in bounded memory (F-19), without ever being led outside (tree-walk.ts):
// `emptyDirectory(stack, signal)`. What lies on another file system stays, with the directories that lead there.

import { pathOfOpened } from '../../../base/opened-path.ts'
import { opendir, rmdir, unlink } from '../../../base/path-calls.ts'
import { errnoOf, Fault } from '../../../base/fault.ts'
import type { DirectoryStack } from './tree-walk.ts'

/** Entries taken from a directory at once, and unlinked side by side. */
const BATCH = 64

/** Rounds after which a directory is given up that other processes keep filling while we empty it. */
const MOST_REFILLS = 20

interface EmptiedLevel {
  /** Name in the directory above. */
  readonly name: Buffer
  /** Subdirectories found and not yet removed. */
  readonly subdirectories: Buffer[]
  /** True if the last batch was the rest: once its subdirectories are gone, nothing is left. */
  seenAll: boolean
  refills: number
}

/**
 * Empties the directory at the top of the stack, and comes back there. Throws `conflict` at a mount, or the system's
 * error.
 */
export async function emptyDirectory(stack: DirectoryStack, signal: AbortSignal): Promise<void> {
  const { dev, mount } = stack
  const levels: EmptiedLevel[] = [newLevel(Buffer.alloc(0))]
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    signal.throwIfAborted()
    const next = level.subdirectories.at(-1)
    if (next !== undefined) {
      await stack.down(next)
      levels.push(newLevel(next))
      if (stack.dev !== dev || stack.mount !== mount) {
        throw new Fault('conflict', 'another file system is mounted inside; it and what holds it were left')
      }
    } else if (level.seenAll) {
      const above = levels.at(-2)
      if (above === undefined) return
      await stack.up()
      levels.pop()
      await removeEmptied(stack, above, level)
    } else {
      await takeBatch(stack, level)
    }
  }
}

function newLevel(name: Buffer): EmptiedLevel {
  return { name, subdirectories: [], seenAll: false, refills: 0 }
}

/** Unlinks up to BATCH entries and notes the directories among them. */
async function takeBatch(stack: DirectoryStack, level: EmptiedLevel): Promise<void> {
  const files: Buffer[] = []
  // Names that are not UTF-8 exist: they are read and handed back as bytes. The types know no such encoding.
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: BATCH }
  for await (const found of await opendir(pathOfOpened(stack.handle.fd), options)) {
    const name = Buffer.from(found.name)
    if (found.isDirectory()) level.subdirectories.push(name)
    else files.push(name)
    if (files.length + level.subdirectories.length >= BATCH) break
  }
  const outcomes = await Promise.allSettled(files.map((name) => unlinkOrNote(stack.entry(name))))
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

async function removeEmptied(stack: DirectoryStack, above: EmptiedLevel, emptied: EmptiedLevel): Promise<void> {
  try {
    await rmdir(stack.entry(emptied.name))
  } catch (error) {
    if (errnoOf(error) === 'ENOTEMPTY' && ++above.refills <= MOST_REFILLS) return // the next round enters it once more
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  above.subdirectories.pop()
}
