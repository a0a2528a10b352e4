// Sends streams of events, as SSE or NDJSON. The source goes at the client's pace. A client that takes nothing for 10 s
// loses its connection, and the command that it watched runs on (protocol.md#exec-streams).

import type { ServerResponse } from 'node:http'
import { Fault } from '../base/fault.ts'
import { jsonOf } from '../base/json-text.ts'
import type { EventStream, Frame } from '../operation.ts'
import { EVENT_STALL_MS, HEARTBEAT_MS } from './patience.ts'
import { drained, nextUnlessLeft } from './stream-reply.ts'

const HEADERS = {
  sse: {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  },
  ndjson: {
    'content-type': 'application/x-ndjson; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  },
} as const

export interface StreamOptions {
  readonly headers: Readonly<Record<string, string>>
  /** Unknown request fields, named in the first event (protocol.md#tolerant-input). */
  readonly ignored: readonly string[]
}

/**
 * Sends every frame, then a clean end. Where the source fails, sends an `error` event, cuts the connection and throws
 * what the source has thrown.
 */
export async function sendStream(response: ServerResponse, stream: EventStream, options: StreamOptions): Promise<void> {
  const { format } = stream
  response.writeHead(200, { ...HEADERS[format], ...options.headers })
  response.flushHeaders()
  const heartbeat = format === 'sse' ? setInterval(() => response.write(': keep-alive\n\n'), HEARTBEAT_MS) : undefined
  const frames = stream.frames[Symbol.asyncIterator]()
  const spare: Buffer[] = []
  let { ignored } = options
  try {
    for (;;) {
      const step = await nextUnlessLeft(frames, response)
      if (step === 'left') return
      if (step.done === true) break
      const written = write(response, format, withIgnored(step.value, ignored), spare)
      ignored = []
      heartbeat?.refresh()
      if (!written && !(await drained(response, EVENT_STALL_MS))) return
    }
    response.end()
  } catch (error) {
    const { message, code } = error instanceof Fault ? error : BROKEN
    response.write(rendered(format, { event: 'error', data: { error: message, code } }))
    if (format === 'ndjson') response.end()
    else response.socket?.end() // no final chunk: the part must not pass for the whole
    throw error
  } finally {
    clearInterval(heartbeat)
    frames.return?.().catch(() => undefined) // the answer is over, so a failure of its source to close changes nothing
  }
}

const BROKEN = new Fault('internal_error', 'the stream broke off inside the daemon')

function withIgnored(frame: Frame, ignored: readonly string[]): Frame {
  return ignored.length > 0 && 'data' in frame ? { event: frame.event, data: { ...frame.data, ignored } } : frame
}

/** Bytes of a buffer: room for the frame of 64 KiB of output, the most in one frame. */
const SPARE_BYTES = 96 * 1024
/** Bytes whose base64 fits into a buffer, with the frame around it. */
const MOST_BYTES = (SPARE_BYTES / 4) * 3 - 1024
/** Bytes encoded in one go, a multiple of 3: the collector frees strings so short at once. */
const SLICE_BYTES = 12 * 1024

/** Writes `rendered(…)`; bytes go through buffers that are used again once they are written. */
function write(response: ServerResponse, format: 'sse' | 'ndjson', frame: Frame, spare: Buffer[]): boolean {
  if (format !== 'sse' || !('bytes' in frame) || frame.bytes.byteLength > MOST_BYTES) {
    return response.write(rendered(format, frame))
  }
  const out = spare.pop() ?? Buffer.allocUnsafeSlow(SPARE_BYTES)
  const { buffer, byteOffset, byteLength } = frame.bytes
  const source = Buffer.from(buffer, byteOffset, byteLength)
  let at = out.write(`event: ${frame.event}\ndata: {"data":"`, 'latin1')
  for (let from = 0; from < byteLength; from += SLICE_BYTES) {
    at += out.write(source.toString('base64', from, from + SLICE_BYTES), at, 'latin1')
  }
  at += out.write('"}\n\n', at, 'latin1')
  return response.write(out.subarray(0, at), () => spare.push(out))
}

/**
 * SSE needs the space after the colon and LF (protocol.md#exec-streams); NDJSON carries the event's name in the object.
 */
export function rendered(format: 'sse' | 'ndjson', frame: Frame): string | Uint8Array {
  if ('rendered' in frame) return frame.rendered
  if (format === 'ndjson') return `${jsonOf({ event: frame.event, ...('data' in frame ? frame.data : {}) })}\n`
  if ('data' in frame) return `event: ${frame.event}\ndata: ${jsonOf(frame.data)}\n\n`
  const { buffer, byteOffset, byteLength } = frame.bytes
  return `event: ${frame.event}\ndata: {"data":"${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}"}\n\n`
}
