// Request bodies: buffered within a limit for each and the room that all share (body-room.ts), or handed on as a
// stream. A body that stalls, or a long one that comes too slowly, is given up with 408, so every reader's wait ends.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../base/fault.ts'
import { giveBack } from '../base/tally.ts'
import { SHORT_BYTES, type BodyRoom } from './body-room.ts'
import { BODY_STALL_MS } from './patience.ts'
import { PieceQueue } from './piece-queue.ts'

/** Rate of a short body at least, counted from its beginning, after the first 30 s. */
const LEAST_BYTES_PER_SECOND = 1024

/**
 * Bytes that a long body must bring in each 30 s: it holds memory that others wait for. 64 MiB take 34 minutes at this
 * rate.
 */
const LEAST_OF_LONG = 32 * 1024

/** Bytes of a streamed body that may arrive before its reader asks for them. */
const AHEAD_BYTES = 512 * 1024

/** Bytes that all streamed bodies may hold ahead together; beyond them each goes on chunk by chunk. */
const SHARED_AHEAD_BYTES = 16 * 1024 * 1024

let aheadOfAll = 0

/** True if the request announces a body of at least one byte. */
export function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}

/** Requests whose client sends the body only when it is asked for it (RFC 9110 10.1.1). */
const awaited = new WeakMap<IncomingMessage, ServerResponse>()

/**
 * Makes a client that waits with its body send it when an operation begins to read it, so that a refusal comes first.
 */
export function holdBody(request: IncomingMessage, response: ServerResponse): void {
  const { expect } = request.headers
  // A client of HTTP/1.0 would take the 100 for the answer.
  const waits = expect !== undefined && request.httpVersion === '1.1' && /^100-continue$/i.test(expect)
  if (waits) awaited.set(request, response)
}

/** Asks a client that waits for that to send its body. */
export function askForBody(request: IncomingMessage): void {
  awaited.get(request)?.writeContinue()
  awaited.delete(request)
}

/** Returns the media type without parameters, in lower case; '' if none was sent. */
export function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/** Refuses codings: a body is read as it comes (H-10). */
export function refuseCoding(request: IncomingMessage): void {
  const coding = request.headers['content-encoding']
  if (coding === undefined || coding.trim().toLowerCase() === 'identity') return
  throw new Fault(
    'unsupported_media_type',
    `the body is sent with Content-Encoding ${JSON.stringify(coding)}; accepted is none`,
    {
      details: { field: 'Content-Encoding', got: coding },
    },
  )
}

/** The limits of one body. */
export interface BodyRules {
  /** Bytes of the body at most. */
  readonly most: number
  /** End of the sentence that refuses a longer one. */
  readonly hint?: string
  /** Milliseconds between two looks at the body's pace; for tests. */
  readonly paceMs?: number
}

/**
 * Reads the whole body. Throws payload_too_large above `most` (before reading if the length is announced), unavailable
 * if there is no room, request_timeout if the body comes too slowly.
 */
export async function readBody(request: IncomingMessage, room: BodyRoom, rules: BodyRules): Promise<Buffer> {
  const { most, hint = '', paceMs = BODY_STALL_MS } = rules
  if (!hasBody(request)) return Buffer.alloc(0) // there is no stream to read (`optimizeEmptyRequests` of the server)
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > most) throw tooLarge(announced, most, hint)
  askForBody(request)
  room.expect(announced, most)
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const gathered = new GrowingBuffer(announced)
  const pace = openPace(announced > SHORT_BYTES, paceMs)
  const watch = setInterval(() => {
    const fault = pace.look(gathered.size)
    if (fault !== undefined) reject(fault)
  }, paceMs)
  const take = (chunk: Buffer): void => {
    const size = gathered.size + chunk.byteLength
    try {
      if (size > most) throw tooLarge(size, most, hint)
      room.take(chunk.byteLength)
      gathered.add(chunk)
    } catch (error) {
      reject(error)
      request.off('data', take)
    }
  }
  const end = (): void => resolve(gathered.whole())
  const cut = (): void => {
    // The stream closes after its end too, perhaps before a reader has seen that: then a fault, which is slow to make,
    // is not due.
    if (request.readableEnded) return
    reject(cutShort(gathered.size))
  }
  request.on('data', take).once('end', end).once('close', cut).once('error', cut)
  try {
    return await promise
  } finally {
    clearInterval(watch)
    request.off('data', take).off('end', end).off('close', cut)
    request.pause()
  }
}

/** Checks from time to time that a body comes fast enough. */
function openPace(announcedLong: boolean, everyMs: number): { look(size: number): Fault | undefined } {
  let before = 0
  let looks = 0
  return {
    look(size) {
      looks++
      const long = announcedLong || before > SHORT_BYTES
      const rate = long ? LEAST_OF_LONG : LEAST_BYTES_PER_SECOND
      const brought = long ? size - before : size
      const seconds = ((long ? 1 : looks) * everyMs) / 1000
      const slow = size === before || brought < rate * seconds
      before = size
      return slow ? stalled(size, rate) : undefined
    },
  }
}

/** Grows fourfold up to what was announced, so that a body that is announced and never comes takes no memory. */
class GrowingBuffer {
  readonly #announced: number
  #bytes: Buffer = Buffer.alloc(0)
  size = 0

  constructor(announced: number) {
    this.#announced = announced
  }

  add(chunk: Buffer): void {
    const size = this.size + chunk.byteLength
    if (this.size === 0) this.#bytes = chunk
    else {
      if (size > this.#bytes.byteLength) this.#grow(size)
      chunk.copy(this.#bytes, this.size)
    }
    this.size = size
  }

  whole(): Buffer {
    return this.#bytes.byteLength === this.size ? this.#bytes : this.#bytes.subarray(0, this.size)
  }

  #grow(size: number): void {
    const next = Math.max(4 * this.#bytes.byteLength, size, GROWN_FROM)
    const larger = Buffer.allocUnsafeSlow(this.#announced >= size ? Math.min(this.#announced, next) : next)
    this.#bytes.copy(larger, 0, 0, this.size)
    giveBack(this.#bytes)
    this.#bytes = larger
  }
}

/** The first step of a body that came in more than one chunk. */
const GROWN_FROM = 16 * 1024

/** Bytes of a body that has mostly come with its head. */
const WITH_HEAD_BYTES = 16 * 1024

/**
 * Drops a short body that was refused unread: it arrives within a turn of the loop, and then the connection can take
 * the next request. Of a longer one nothing is read, and the connection ends with the refusal.
 */
export async function dropShortBody(request: IncomingMessage): Promise<void> {
  const announced = Number(request.headers['content-length'] ?? Infinity)
  if (request.complete || announced > WITH_HEAD_BYTES || awaited.has(request)) return
  request.resume()
  await new Promise((resolve) => setImmediate(resolve))
}

/**
 * Returns the body as a stream of chunks, which arrive while the reader is busy with earlier ones; fails if nothing
 * comes for 30 s while the reader wants more. Chunks come one by one, each in separate memory that the reader may free:
 * Node's own iterator joins those that wait, and leaves the pieces to the collector. Only tiny ones are joined.
 */
export async function* streamBody(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  askForBody(request)
  const arrived = new PieceQueue()
  let wake = (): void => undefined
  let size = 0
  let ahead = 0
  const count = (bytes: number): void => {
    ahead += bytes
    aheadOfAll += bytes
  }
  const take = (chunk: Buffer): void => {
    size += chunk.byteLength
    count(chunk.byteLength)
    if (ahead >= AHEAD_BYTES || aheadOfAll >= SHARED_AHEAD_BYTES) request.pause()
    arrived.add(chunk)
    wake()
  }
  const over = (): void => wake()
  request.on('data', take).once('end', over).once('close', over).pause()
  try {
    for (;;) {
      const chunk = arrived.take()
      if (chunk !== undefined) {
        count(-chunk.byteLength)
        if (ahead < AHEAD_BYTES / 2 && aheadOfAll < SHARED_AHEAD_BYTES) request.resume()
        yield chunk
      } else if (request.readableEnded) return
      else if (request.destroyed) throw cutShort(size)
      else {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        const timer = setTimeout(() => reject(stalled(size, 0)), BODY_STALL_MS)
        wake = resolve
        request.resume()
        await promise.finally(() => clearTimeout(timer))
      }
    }
  } finally {
    count(-ahead)
    request.off('data', take).off('end', over).off('close', over).pause()
  }
}

function tooLarge(size: number, limit: number, hint: string): Fault {
  return new Fault('payload_too_large', `the body has ${size} bytes or more; accepted are at most ${limit}${hint}`, {
    details: { field: 'body', limit, unit: 'bytes' },
  })
}

function cutShort(size: number): Fault {
  return new Fault('bad_request', `the body ended after ${size} bytes, before it was complete`)
}

/** Returns the fault. `rate` 0: nothing came for a while. */
function stalled(size: number, rate: number): Fault {
  const wanted =
    rate === 0 ? `it must bring something every ${BODY_STALL_MS / 1000} s` : `it must bring ${rate} bytes a second`
  return new Fault('request_timeout', `the body stalled after ${size} bytes; ${wanted}`, {
    details: { field: 'body', bytes: size },
  })
}
