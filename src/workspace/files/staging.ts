// A place beside where something is to appear: of random name, in the journal before it is made and out of it once
// it is gone, so that neither a failure nor a kill leaves a part of it behind (F-06, F-21).

import { rename, rmdir, unlink } from '../../base/path-calls.ts'
import { errnoOf } from '../../base/fault.ts'
import { openStack } from './directory-stack.ts'
import { lookAt, type HeldEntry } from './held-directory.ts'
import { temporaryBeside } from './temporary-file.ts'
import { emptyDirectory } from './tree-removal.ts'
import type { WriteJournal } from './write-journal.ts'

/** Disposing of it removes what stands there, whatever it is. */
export interface Staging extends AsyncDisposable {
  readonly entry: HeldEntry
  /** What stands there has got its own name: it is no longer ours. */
  release(): void
}

const NEVER = new AbortController().signal

/** In the directory of `beside`, which the caller holds for longer. */
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
      release() // where it could not be removed it stays in the journal for the next start
    },
  }
}

/**
 * Takes what stands at `entry` out of sight in one step, or leaves it where the file system renames no such directory
 * (overlayfs those of its lower layers, EXDEV). Disposing of what is returned removes it. Throws the system's error
 * with everything as it was.
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
