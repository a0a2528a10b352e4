// Request bodies: buffered within a limit of their own and a budget they all share, or handed on as a stream.
// A body that stalls is cut (reliability H-02), so no reader waits for ever.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../base/fault.ts'

/** What all bodies being buffered may take together (contract 18). */
const SHARED_BYTES = 128 * 1024 * 1024

/** A body that brings nothing for this long is given up. */
const STALL_MS = 30_000

/** Bodies come at this rate or better, after the first 30 s (reliability H-02: 1 KiB/s). */
const LEAST_BYTES_PER_SECOND = 1024

/** Bodies announced as longer are received into one piece of memory. */
const GATHERED_BYTES = 256 * 1024

/** How much of a streamed body may have come before its reader asks for it. */
const AHEAD_BYTES = 512 * 1024

/** And of all streamed bodies together; where they hold that, each goes on chunk by chunk. */
const SHARED_AHEAD_BYTES = 16 * 1024 * 1024

let buffered = 0
let aheadOfAll = 0

/**
 * What one request's body takes of that. Held until the request has been worked on, not only while the body
 * comes in: parsing is slower than receiving, and what waits for it is memory as well.
 */
export class BodyRoom implements Disposable {
  #bytes = 0

  /** False where the shared room is used up; the bytes count all the same, until they are given back. */
  take(bytes: number): boolean {
    this.#bytes += bytes
    buffered += bytes
    return buffered <= SHARED_BYTES
  }

  [Symbol.dispose](): void {
    buffered -= this.#bytes
    this.#bytes = 0
  }
}

/** True where the request announces a body of at least one byte. */
export function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}

/** Whose clients wait with the body until they are asked for it (RFC 9110 10.1.1). */
const awaited = new WeakMap<IncomingMessage, ServerResponse>()

/** From here on the client is asked for its body, if it waits for that, when somebody begins to read it. */
export function holdBody(request: IncomingMessage, response: ServerResponse): void {
  const { expect } = request.headers
  // A client of HTTP/1.0 would take the 100 for the answer.
  const waits = expect !== undefined && request.httpVersion === '1.1' && /^100-continue$/i.test(expect)
  if (waits) awaited.set(request, response)
}

/** So a refusal comes before the body does. */
export function askForBody(request: IncomingMessage): void {
  awaited.get(request)?.writeContinue()
  awaited.delete(request)
}

/** The media type without parameters, lower case; '' where none was sent. */
export function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/** Refuses codings: a body is read as it comes (reliability H-10). */
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

/**
 * Reads the whole body. Throws payload_too_large above `limit` (before reading where the length is
 * announced), unavailable where the shared budget is used up, timeout where the body stalls.
 */
export async function readBody(request: IncomingMessage, room: BodyRoom, limit: number, hint = ''): Promise<Buffer> {
  if (!hasBody(request)) return Buffer.alloc(0) // there is no stream to read (`optimizeEmptyRequests` of the server)
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > limit) throw tooLarge(announced, limit, hint)
  askForBody(request)
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  // A long body goes straight to where it stays: gathering chunks and joining them would take it twice.
  const whole = announced > GATHERED_BYTES ? roomFor(announced, room) : undefined
  const chunks: Buffer[] = []
  const started = performance.now()
  let size = 0
  let lastSize = 0
  const watch = setInterval(() => {
    const least = ((performance.now() - started) / 1000) * LEAST_BYTES_PER_SECOND
    if (size === lastSize || size < Math.min(least, limit)) reject(stalled(size))
    lastSize = size
  }, STALL_MS)
  const take = (chunk: Buffer): void => {
    const fits = whole !== undefined || room.take(chunk.byteLength)
    if (size + chunk.byteLength > limit) reject(tooLarge(size + chunk.byteLength, limit, hint))
    else if (!fits) reject(crowded())
    else if (whole === undefined) chunks.push(chunk)
    else chunk.copy(whole, size)
    size += chunk.byteLength
  }
  const end = (): void =>
    resolve(whole ?? (chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size)))
  const cut = (): void => {
    // It closes after its end too, before anybody has read that: a fault, which is dear to make, is not one then.
    if (request.readableEnded) return
    reject(cutShort(size))
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

/** Memory for a body of this length, counted before it is taken. */
function roomFor(bytes: number, room: BodyRoom): Buffer {
  if (!room.take(bytes)) throw crowded()
  return Buffer.allocUnsafeSlow(bytes)
}

/**
 * The body as a stream of chunks, which come in while their reader is busy with those before; ends the wait when nothing
 * comes for 30 s while the reader wants more. They come one by one, each in memory of its own that the reader may give
 * back: Node's own iterator joins those that wait, and leaves the pieces to the collector.
 */
export async function* streamBody(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  askForBody(request)
  const arrived: Buffer[] = []
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
    arrived.push(chunk)
    wake()
  }
  const over = (): void => wake()
  request.on('data', take).once('end', over).once('close', over).pause()
  try {
    for (;;) {
      const chunk = arrived.shift()
      if (chunk !== undefined) {
        count(-chunk.byteLength)
        if (ahead < AHEAD_BYTES / 2 && aheadOfAll < SHARED_AHEAD_BYTES) request.resume()
        yield chunk
      } else if (request.readableEnded) return
      else if (request.destroyed) throw cutShort(size)
      else {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        const timer = setTimeout(() => reject(stalled(size)), STALL_MS)
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

function crowded(): Fault {
  return new Fault(
    'unavailable',
    `the bodies being received take ${SHARED_BYTES} bytes together, which is the most; try again`,
    {
      details: { limit: SHARED_BYTES, unit: 'bytes' },
      retryAfter: 1,
    },
  )
}

function cutShort(size: number): Fault {
  return new Fault('bad_request', `the body ended after ${size} bytes, before it was complete`)
}

function stalled(size: number): Fault {
  return new Fault(
    'timeout',
    `the body stalled after ${size} bytes; it must bring ${LEAST_BYTES_PER_SECOND} bytes a second`,
    {
      details: { field: 'body', bytes: size },
    },
  )
}
