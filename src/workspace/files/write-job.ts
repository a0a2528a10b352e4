// What the steps of a write share: the job with everything it needs, its answer, and making names durable.
// The steps are replacement.ts and in-place.ts; file-writer.ts chooses.

import type { Stats } from 'node:fs'
import { open } from 'node:fs/promises'
import { errnoOf } from '../../fault.ts'
import type { WriteJournal } from './write-journal.ts'

/** Permissions of a new file (contract 12 row 28). */
export const FILE_MODE = 0o644

/** Hashes a file off the main thread: SHA-256 in hexadecimal. */
export type Digest = (path: string, signal: AbortSignal) => Promise<string>

export interface Written {
  /** The file's size afterwards, in bytes. */
  readonly size: number
  /** False where the target had to be written in place, or was appended to. */
  readonly atomic: boolean
  readonly hash?: string
}

/** One write on its way: what is to be done, and with what. */
export interface WriteJob extends WriterParts {
  readonly target: string
  readonly existing: Stats | undefined
  readonly bytes: Uint8Array
  readonly mode: number | undefined
  readonly digest: Digest | undefined
  readonly signal: AbortSignal
}

export interface WriterParts {
  readonly journal: WriteJournal
  /** Where the old content is kept while a file is written in place. */
  readonly stateDirectory: string
  /** False: nothing is synced (`files.durable`). */
  readonly durable: boolean
}

/** Makes names in `directory` durable. File systems and permissions that do not allow it are left alone. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    await using handle = await open(directory, 'r')
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EACCES', 'EROFS'].includes(errnoOf(error) ?? '')) throw error
  }
}
