// Reads a file of any size as bytes, in memory that does not grow with it: two buffers take turns, one being filled
// while the reader has the other. The reader gets what was promised, or the reading fails: a file cut short or
// rewritten meanwhile is never passed off as whole (F-04). One that only grew, such as a log, is read up to the size it
// had.

import { constants, type BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { Fault, quote } from '../../../base/fault.ts'
import type { Access } from '../opening/access.ts'
import { tagOf } from '../identity.ts'
import { faultOfRead, isMadeUp, openRegular } from '../opening/regular-file.ts'

/** Bytes of one buffer; each reading of a long file holds two. Larger ones were not faster over loopback. */
const CHUNK_BYTES = 128 * 1024

export interface RawFile extends AsyncDisposable {
  /** Size; undefined if the kernel makes the file up while it is read (F-03): it is not known before the end. */
  readonly size: number | undefined
  readonly etag: string
  /** Milliseconds since 1970. */
  readonly modified: number
  /**
   * Returns the bytes `from` ≤ i < `to`, of a file of unknown size everything; to be called once. The memory of a chunk
   * is the reader's until it asks for the next one. `return` closes the file, also before anything was read.
   */
  chunks(from: number, to: number): AsyncIterable<Uint8Array>
}

export async function openRaw(path: string, access?: Access): Promise<RawFile> {
  const { handle, stats: found } = await openRegular(path, constants.O_RDONLY, access)
  try {
    const stats = await handle.stat({ bigint: true })
    const source = { handle, path, stats }
    const madeUp = await isMadeUp(path, found)
    // A file that cannot be read at all is refused before the answer has begun.
    const beginning = madeUp ? await fill(source, Buffer.allocUnsafe(CHUNK_BYTES), null) : undefined
    return {
      size: madeUp ? undefined : Number(stats.size),
      etag: tagOf(stats),
      modified: Number(stats.mtimeMs),
      chunks: (from, to) =>
        closing(handle, beginning === undefined ? stretch(source, from, to) : everything(source, beginning)),
      [Symbol.asyncDispose]: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

interface OpenedSource {
  readonly handle: FileHandle
  readonly path: string
  /** The facts of the file when it was opened. */
  readonly stats: BigIntStats
}

async function* stretch(source: OpenedSource, from: number, to: number): AsyncGenerator<Uint8Array> {
  let at = from
  let free = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, to - from))
  let spare = to - from > CHUNK_BYTES ? Buffer.allocUnsafeSlow(CHUNK_BYTES) : free
  const ahead = (): Promise<Uint8Array> => {
    const filling = fill(source, free.subarray(0, Math.min(free.byteLength, to - at)), at)
    filling.catch(() => undefined) // it may fail while the reader has the chunk before; it is awaited after that
    return filling
  }
  let reading = at < to ? ahead() : undefined
  try {
    while (reading !== undefined) {
      const chunk = await reading
      if (chunk.byteLength === 0) throw changed(source.path)
      at += chunk.byteLength
      ;[free, spare] = [spare, free]
      reading = at < to ? ahead() : undefined
      if (reading === undefined) await refuseChanged(source)
      yield chunk
    }
  } finally {
    await reading?.catch(() => undefined) // the file is closed next
  }
}

/** Reads a file of the kernel: its end is where the kernel says so. */
async function* everything(source: OpenedSource, beginning: Uint8Array): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  for (let chunk = beginning; chunk.byteLength > 0; chunk = await fill(source, buffer, null)) yield chunk
}

/** Reads once; resolves with the part of `buffer` that was filled, empty at the end of the file. */
async function fill({ handle, path }: OpenedSource, buffer: Buffer, at: number | null): Promise<Uint8Array> {
  try {
    return buffer.subarray(0, (await handle.read(buffer, 0, buffer.byteLength, at)).bytesRead)
  } catch (error) {
    throw faultOfRead(error, path)
  }
}

/** Called before the last chunk leaves: if the content is not of one moment, the reader is told. */
async function refuseChanged({ handle, path, stats }: OpenedSource): Promise<void> {
  const now = await handle.stat({ bigint: true })
  if (now.size < stats.size || (now.size === stats.size && now.mtimeNs !== stats.mtimeNs)) throw changed(path)
}

function changed(path: string): Fault {
  return new Fault('conflict', `path ${quote(path)} changed while it was read`, { details: { path } })
}

function closing(handle: FileHandle, chunks: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => chunks.next(),
      async return() {
        await chunks.return(undefined)
        await handle.close()
        return { done: true, value: undefined }
      },
    }),
  }
}
