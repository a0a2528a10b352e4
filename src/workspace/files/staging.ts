// A place beside where something is to appear: of random name, in the journal before it is made and out of it once
// it is gone, so that neither a failure nor a kill leaves a part of it behind (reliability F-06, F-21).

import { lstat, rename, rmdir, unlink } from 'node:fs/promises'
import { errnoOf } from '../../base/fault.ts'
import { temporaryBeside } from './temporary-file.ts'
import { emptyDirectory } from './tree-removal.ts'
import type { WriteJournal } from './write-journal.ts'

/** Disposing of it removes what stands there, whatever it is. */
export interface Staging extends AsyncDisposable {
  readonly path: string
  /** What stands there has got its own name: it is no longer ours. */
  release(): void
}

const NEVER = new AbortController().signal

export async function openStaging(beside: string, journal: WriteJournal): Promise<Staging> {
  const path = temporaryBeside(beside)
  await journal.begin(path, 'tree')
  let ours = true
  const release = (): void => {
    if (ours) journal.end(path)
    ours = false
  }
  return {
    path,
    release,
    async [Symbol.asyncDispose]() {
      if (!ours) return
      await removeAny(path)
      release() // where it could not be removed it stays in the journal for the next start
    },
  }
}

/** Takes `path` out of sight in one step; disposing of what is returned removes it. */
export async function putAway(path: string, journal: WriteJournal): Promise<Staging> {
  const staging = await openStaging(path, journal)
  try {
    await rename(path, staging.path)
    return staging
  } catch (error) {
    staging.release()
    throw error
  }
}

async function removeAny(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isDirectory()) return await unlink(path)
    await emptyDirectory(path, NEVER)
    await rmdir(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
