// The new content of a file, complete before anything of the file is touched: bytes that are in memory already,
// or a temporary file into which a stream was received. It can be written to where it belongs in any order.

import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from '../../base/path-calls.ts'
import { giveBack } from '../../base/tally.ts'
import { openAside, type TemporaryFile } from './temporary-file.ts'
import { SLICE_BYTES, writeAll, type WriteJob } from './write-job.ts'

/** What a caller sends: bytes, or a stream that is read once. Their memory is now the writer's. */
export type SentContent = Uint8Array | AsyncIterable<Uint8Array>

export type NewContent = Uint8Array | { readonly file: TemporaryFile; readonly size: number }

export function sizeOf(content: NewContent): number {
  return content instanceof Uint8Array ? content.byteLength : content.size
}

/** Receives a stream into the state directory; bytes stay where they are. */
export async function keepAtHand(sent: SentContent, job: WriteJob, stack: AsyncDisposableStack): Promise<NewContent> {
  if (sent instanceof Uint8Array) return sent
  const file = stack.use(await openAside(job.stateDirectory, job.journal))
  return { file, size: await receive(sent, file.handle, job.signal) }
}

/** Chunks of a stream that are on their way into the file, each to its own place, while the next ones come in. */
const WRITES_AT_ONCE = 4
/** Of all streams together; beyond that each has one. Each write holds its chunk, 64 KiB. */
const SHARED_WRITES = 64

let writingOfAll = 0

/** Writes what comes to the beginning of an empty file; returns its length. */
export async function receive(sent: SentContent, to: FileHandle, signal: AbortSignal): Promise<number> {
  if (sent instanceof Uint8Array) {
    await writeAll(to, sent, { at: 0, signal })
    return sent.byteLength
  }
  let size = 0
  const writing = new Set<Promise<void>>()
  try {
    for await (const chunk of sent) {
      while (writing.size >= (writingOfAll < SHARED_WRITES ? WRITES_AT_ONCE : 1)) await Promise.race(writing)
      writingOfAll++
      const write = writeAll(to, chunk, { at: size, signal })
        .finally(() => writingOfAll--)
        .then(() => {
          writing.delete(write)
          giveBack(chunk)
        })
      write.catch(() => undefined) // told by whoever waits for it next
      writing.add(write)
      size += chunk.byteLength
    }
    await Promise.all(writing)
  } finally {
    await Promise.allSettled(writing) // the file is closed after this
  }
  return size
}

export interface Part {
  readonly from: number
  readonly to: number
  /** Where it goes in the file; null: to where that one stands. */
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
