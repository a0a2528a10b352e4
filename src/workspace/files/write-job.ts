// What the steps of a write share: the job with everything it needs, and its answer. The steps are new-content.ts, replacement.ts and in-place.ts; file-writer.ts chooses.

import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { HeldEntry } from './held-directory.ts'
import type { WriteJournal } from './write-journal.ts'

/** Permissions of a new file (protocol.md#files-write). */
export const FILE_MODE = 0o644

/** One write(2) takes at most this much: the signal is looked at in between. */
export const SLICE_BYTES = 1024 * 1024

/** Hashes a file off the main thread: SHA-256 in hexadecimal. */
export type Digest = (path: string, signal: AbortSignal) => Promise<string>

export interface Written {
  /** The file's size afterwards, in bytes. */
  readonly size: number
  /** False where the target had to be written in place, or was appended to. */
  readonly atomic: boolean
  /** There was no such file before. */
  readonly created: boolean
  /** The file's entity tag afterwards. */
  readonly etag: string
  readonly hash?: string
}

/** One write on its way: what is to be done, and with what. */
export interface WriteJob extends WriterParts {
  /** As it was asked for: for sentences. */
  readonly path: string
  readonly target: HeldEntry
  /** As it was when the write began. */
  readonly existing: Stats | undefined
  readonly mode: number | undefined
  readonly digest: Digest | undefined
  readonly signal: AbortSignal
}

export interface WriterParts {
  readonly journal: WriteJournal
  /** Where content is kept while a file is written in place. */
  readonly stateDirectory: string
  /** False: nothing is synced (`files.durable`). */
  readonly durable: boolean
}

/** Writes all of `bytes`, however short single writes are. `at`: position, or null to append. */
export async function writeAll(
  handle: FileHandle,
  bytes: Uint8Array,
  { at, signal }: { at: number | null; signal?: AbortSignal | undefined },
): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    signal?.throwIfAborted()
    const length = Math.min(SLICE_BYTES, bytes.byteLength - done)
    done += (await handle.write(bytes, done, length, at === null ? null : at + done)).bytesWritten
  }
}
