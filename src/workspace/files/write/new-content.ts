// The new content of a file, complete before anything of the file is touched: bytes that are in memory already, or a
// temporary file into which a stream was received. It can be written to its place in any order. A temporary file of
// ours has a random name, is made exclusively and private, and is in the journal from before it is made until it is
// gone (protocol.md#files-write; F-06, F-12). It is reached through the directory that it was made in, even if that
// one's path leads elsewhere later.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOfText, textOfBytes } from '../../../base/bytes-text.ts'
import { errnoOf, Fault } from '../../../base/fault.ts'
import { open, rename, unlink } from '../../../base/path-calls.ts'
import { giveBack } from '../../../base/tally.ts'
import { temporaryName } from '../../../base/temporary-name.ts'
import { remoteHandle } from '../mounts/remote-calls.ts'
import { holdEntry, type HeldEntry } from '../opening/held-directory.ts'
import type { WriteJournal } from './write-journal.ts'

/**
 * The content that a caller sends: bytes, or a stream that is read once. Their memory belongs to the writer from now
 * on.
 */
export type SentContent = Uint8Array | AsyncIterable<Uint8Array>

export type NewContent = Uint8Array | { readonly file: TemporaryFile; readonly size: number }

/** The parts that every write of one writer shares. */
export interface WriterParts {
  readonly journal: WriteJournal
  readonly receiver: Receiver
  /** The directory where content is kept while a file is written in place. */
  readonly stateDirectory: string
  /** False: nothing is synced (`files.durable`). */
  readonly durable: boolean
}

/** Bytes that one write(2) takes at most: the signal is looked at in between. */
const SLICE_BYTES = 1024 * 1024

export function sizeOf(content: NewContent): number {
  return content instanceof Uint8Array ? content.byteLength : content.size
}

/** Receives a stream into the state directory; bytes stay where they are. */
export async function keepAtHand(
  sent: SentContent,
  job: WriterParts & { readonly signal: AbortSignal },
  stack: AsyncDisposableStack,
): Promise<NewContent> {
  if (sent instanceof Uint8Array) return sent
  const file = stack.use(await openAside(job.stateDirectory, job.journal))
  return { file, size: await job.receiver.receive(sent, file.handle, job.signal) }
}

/** Chunks of one stream that are on their way into the file, each to its own place, while the next ones come in. */
const WRITES_AT_ONCE = 4
/** Writes of all streams together; beyond that each stream has one. A write holds its chunk, 64 KiB. */
const SHARED_WRITES = 64

/** Receives streams into files. One for each writer: all of its streams share the limit of writes. */
export class Receiver {
  #writes = 0

  /** Writes all bytes to the beginning of an empty file; resolves with their number. */
  async receive(sent: SentContent, to: FileHandle, signal: AbortSignal): Promise<number> {
    if (sent instanceof Uint8Array) {
      await writeAll(to, sent, { at: 0, signal })
      return sent.byteLength
    }
    let size = 0
    const writing = new Set<Promise<void>>()
    try {
      for await (const chunk of sent) {
        while (writing.size >= (this.#writes < SHARED_WRITES ? WRITES_AT_ONCE : 1)) await Promise.race(writing)
        this.#writes++
        const write = writeAll(to, chunk, { at: size, signal })
          .finally(() => this.#writes--)
          .then(() => {
            writing.delete(write)
            giveBack(chunk)
          })
        write.catch(() => undefined) // the next wait for it throws
        writing.add(write)
        size += chunk.byteLength
      }
      await Promise.all(writing)
    } finally {
      await Promise.allSettled(writing) // the file is closed after this
    }
    return size
  }
}

export interface Part {
  readonly from: number
  readonly to: number
  /** Position in the file; null: the position where the file stands. */
  readonly at: number | null
  readonly signal?: AbortSignal
}

/** Writes the bytes `from` ≤ i < `to` of `content`. */
export async function writePart(content: NewContent, into: FileHandle, part: Part): Promise<void> {
  const { from, to, at, signal } = part
  if (content instanceof Uint8Array) return await writeAll(into, content.subarray(from, to), { at, signal })
  await using source = await open(content.file.path, constants.O_RDONLY | constants.O_NOFOLLOW)
  await copyBytes(source, into, part)
}

/** Writes all of `bytes`, however short single writes are. `at`: position, or null to append. */
async function writeAll(
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

/** Copies a range of one file to a place in another; ends early where the first one has no more. */
export async function copyBytes(source: FileHandle, into: FileHandle, { from, to, at, signal }: Part): Promise<void> {
  const slice = Buffer.allocUnsafe(Math.min(to - from, SLICE_BYTES))
  for (let done = 0; done < to - from;) {
    const { bytesRead } = await source.read(slice, 0, Math.min(slice.byteLength, to - from - done), from + done)
    if (bytesRead === 0) return
    await writeAll(into, slice.subarray(0, bytesRead), { at: at === null ? null : at + done, signal })
    done += bytesRead
  }
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants

export interface TemporaryFile extends AsyncDisposable {
  /** The path by which it is reached for as long as its directory is held. */
  readonly path: string
  readonly handle: FileHandle
  /**
   * Closes it and renames it to `target`, in the place of what has that name; then it is no longer ours. It is closed
   * first, since a program that is open for writing cannot be started.
   */
  become(target: HeldEntry): Promise<void>
}

/**
 * Makes a temporary file in the directory of `beside`, which the caller holds for longer. Disposing of it removes it.
 */
export async function openTemporary(beside: HeldEntry, journal: WriteJournal): Promise<TemporaryFile> {
  const { real, way, directory } = temporaryBeside(beside)
  await journal.begin(real)
  const make = () => open(way, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  const closeLate = (late: FileHandle): void => void late.close().catch(() => undefined)
  const opened = await directory.call(real, make, closeLate).catch((error: unknown) => {
    // The file may still come to be: then the next start finds it in the journal.
    if (!(error instanceof Fault && error.code === 'timeout')) journal.end(real)
    throw error
  })
  const handle = remoteHandle(opened, real)
  let ours = true
  return {
    path: way,
    handle,
    async become(target) {
      await handle.close()
      await directory.call(real, () => target.directory.call('/', () => rename(way, target.way)))
      ours = false
      journal.end(real)
    },
    async [Symbol.asyncDispose]() {
      await handle.close()
      if (ours && (await directory.call(real, () => isGone(way)).catch(() => false))) journal.end(real)
    },
  }
}

/** Makes one in the daemon's own directory, for content that is kept while something happens elsewhere. */
export async function openAside(stateDirectory: string, journal: WriteJournal): Promise<TemporaryFile> {
  await using stack = new AsyncDisposableStack()
  const beside = stack.use(await holdEntry(join(stateDirectory, 'aside')))
  const file = stack.use(await openTemporary(beside, journal))
  const kept = stack.move()
  return { ...file, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Returns an entry of our own beside the given one, under a name that nothing has. */
export function temporaryBeside({ directory, name }: HeldEntry): HeldEntry {
  const own = temporaryName(bytesOfText(name).toString('latin1'), randomBytes(8).toString('hex'))
  return directory.entry(textOfBytes(Buffer.from(own, 'latin1')))
}

/** Resolves with false if the file could not be removed: then it stays in the journal for the next start. */
async function isGone(path: string): Promise<boolean> {
  try {
    await unlink(path)
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR'
  }
}
