// The archive's bytes out of the body: gzip, zstd or plain, told by the first bytes and by nothing else
// (protocol.md#archives). Several gzip members or zstd frames after each other are one archive. Decompressing runs in
// Node's thread pool while what came out before is written; memory is given back at once, not by the collector.

import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { errnoOf, Fault } from '../../base/fault.ts'
import { giveBackEnd } from '../../base/tally.ts'
import { BLOCK_BYTES, isBlank } from './tar-block.ts'
import { hasSum, NO_ARCHIVE, unusable } from './unpack-header.ts'

/** Bytes that come out at a time, and bytes that may wait. */
const OUT_BYTES = 256 * 1024
const WAITING_BYTES = 2 * OUT_BYTES

/** Window of zstd: 2^25 bytes are what levels up to 20 use; --ultra and --long may ask for gigabytes. */
const WINDOW_LOG = 25

/** Bytes that tell what it is. */
const MAGIC_BYTES = 4

const NO_BODY = 'the body is empty; accepted is a tar archive, plain or with gzip or zstd'

interface UnpackSource extends AsyncIterable<Buffer> {
  /** Bytes that went into the decompressor so far; of a plain archive all that came. */
  readonly into: number
}

/** Opens the source. `inbox`: chunks in separate memory, each unused once the next is asked for. */
export function openSource(inbox: AsyncIterable<Uint8Array>): UnpackSource {
  const source = {
    into: 0,
    async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
      const chunks = inbox[Symbol.asyncIterator]()
      const first = await beginning(chunks)
      const rest = withFirst(first, chunks)
      if (isGzip(first)) yield* unzipped(rest, source, () => createGunzip(SIZES))
      else if (isZstd(first)) yield* unzipped(rest, source, () => createZstdDecompress({ ...SIZES, params: WINDOW }))
      else yield* counted(rest, source)
    },
  }
  return source
}

const SIZES = { chunkSize: OUT_BYTES, readableHighWaterMark: WAITING_BYTES }
const WINDOW = { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG }

type Chunks = AsyncIterator<Uint8Array>
type Counter = { into: number }
type Engine = ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>

/**
 * Throws unless these first 512 bytes, or all there are, may begin an archive: so a body that is none is refused
 * without any work.
 */
export function checkBeginning(bytes: Buffer): void {
  if (bytes.byteLength === 0) throw unusable(NO_BODY)
  if (isGzip(bytes) || isZstd(bytes)) return
  if (bytes.byteLength < BLOCK_BYTES) throw unusable('what was sent is no tar archive: it is shorter than one header')
  if (!isBlank(bytes.subarray(0, BLOCK_BYTES)) && !hasSum(bytes.subarray(0, BLOCK_BYTES))) throw unusable(NO_ARCHIVE)
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** True for a frame, or for a frame to skip, which parallel compressors put first. */
function isZstd(bytes: Buffer): boolean {
  if (bytes.byteLength < MAGIC_BYTES) return false
  const magic = bytes.readUInt32LE()
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50
}

async function beginning(chunks: Chunks): Promise<Buffer> {
  let bytes: Buffer = Buffer.alloc(0)
  while (bytes.byteLength < MAGIC_BYTES) {
    const step = await chunks.next()
    if (step.done === true) break
    // More must come, so this is a copy: the chunk is given back then.
    bytes =
      step.value.byteLength >= MAGIC_BYTES && bytes.byteLength === 0
        ? asBuffer(step.value)
        : Buffer.concat([bytes, step.value])
  }
  if (bytes.byteLength === 0) throw unusable(NO_BODY)
  return bytes
}

async function* withFirst(first: Buffer, chunks: Chunks): AsyncGenerator<Buffer> {
  yield first
  for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) yield asBuffer(step.value)
}

async function* counted(chunks: AsyncIterable<Buffer>, counter: Counter): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    counter.into += chunk.byteLength
    yield chunk
  }
}

/**
 * Decompresses, with a new engine for each part that ends in the middle of a chunk; parts that end with a chunk share
 * one.
 */
async function* unzipped(chunks: AsyncIterator<Buffer>, counter: Counter, make: () => Engine): AsyncGenerator<Buffer> {
  for (let first: Buffer | undefined = Buffer.alloc(0); first !== undefined;) {
    const engine = make()
    const before = counter.into
    engine.on('error', () => undefined) // the reader gets it; this handler hears it when there is no reader
    const fed = feed(first, chunks, engine)
    fed.catch((error: unknown) => engine.destroy(error instanceof Error ? error : new Error(String(error))))
    try {
      for await (const chunk of engine as AsyncIterable<Buffer>) {
        counter.into = before + engine.bytesWritten
        yield chunk
        giveBackEnd(chunk, OUT_BYTES)
      }
      first = await fed
    } catch (error) {
      throw compressionFault(error)
    } finally {
      engine.destroy() // `feed` may still wait for a chunk that never comes
    }
    if (first !== undefined && first[0] === 0) return await onlyZeros(first, chunks)
  }
}

/**
 * Feeds the engine. Resolves with what is left of a chunk behind the end of what the engine reads; undefined: there are
 * no more chunks.
 */
async function feed(first: Buffer, chunks: AsyncIterator<Buffer>, engine: Engine): Promise<Buffer | undefined> {
  let given = 0
  for (let chunk = first; ;) {
    given += chunk.byteLength
    if (!(await written(engine, chunk))) return undefined
    const left = given - engine.bytesWritten
    if (left > 0) return chunk.subarray(chunk.byteLength - left)
    const step = await chunks.next()
    if (step.done === true) break
    chunk = step.value
  }
  engine.end()
  return undefined
}

/** Resolves with false if the engine is gone; its reader is told why. */
async function written(engine: Engine, bytes: Buffer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const closed = (): void => resolve(false)
  engine.once('close', closed)
  engine.write(bytes, (error) => resolve(error === null || error === undefined))
  try {
    return await promise
  } finally {
    engine.off('close', closed)
  }
}

/** Throws unless only zeros follow. gzip(1) too takes zeros behind the end for the padding of a tape. */
async function onlyZeros(first: Buffer, chunks: AsyncIterator<Buffer>): Promise<void> {
  for (let bytes = first; ;) {
    if (!isBlank(bytes)) throw unusable('the compressed archive is followed by something else')
    const step = await chunks.next()
    if (step.done === true) return
    bytes = step.value
  }
}

function compressionFault(error: unknown): unknown {
  const code = errnoOf(error)
  if (error instanceof Fault || code === undefined || !/^(Z|ZSTD)_/i.test(code)) return error
  if (code === 'Z_BUF_ERROR') return unusable('the compressed archive is cut off')
  if (code === 'ZSTD_error_frameParameter_windowTooLarge') {
    return unusable(
      `the archive is compressed with a window of more than ${2 ** (WINDOW_LOG - 20)} MiB (zstd --ultra or --long)`,
    )
  }
  return unusable(`the compressed archive is damaged: ${error instanceof Error ? error.message : code}`)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
