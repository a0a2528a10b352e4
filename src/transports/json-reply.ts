// JSON on its way out: one write where it is short, slices under back-pressure where it is long, so that no
// reply blocks the loop (protocol.md#limits) and no slow client makes the daemon hold it twice.

import type { ServerResponse } from 'node:http'
import { jsonOf, JsonText, jsonPieces } from '../base/json-text.ts'
import { hasBody } from './body.ts'
import { drained } from './drain.ts'

/** Long replies leave in slices of this size. */
const SLICE_BYTES = 128 * 1024

/** The loop is given back after this much rendering. */
const TURN_MS = 8

/** A reply of a client that takes nothing for this long is given up. */
const STALL_MS = 60_000

/** Strings and arrays longer than this make a reply long. */
const LONG = 512

const BASE = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' } as const

/** Sends `body` as JSON. Resolves once it is handed to the system or the client has left; never rejects. */
export async function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  // A connection whose body was not read ends with the answer: its client must not send the next request on it.
  const last = hasBody(response.req) && !response.req.complete ? { connection: 'close' } : undefined
  const text = isLong(body) ? undefined : jsonOf(body)
  const length = text === undefined ? undefined : { 'content-length': Buffer.byteLength(text) }
  response.writeHead(status, { ...BASE, ...headers, ...last, ...length })
  if (text !== undefined) {
    response.end(text)
    return
  }
  await sendPieces(response, jsonPieces(body))
}

/** Writes pieces in slices and ends the response; a stalled client is cut, never given a clean end. */
export async function sendPieces(response: ServerResponse, pieces: Iterable<string | Uint8Array>): Promise<void> {
  let slice = ''
  let turn = performance.now()
  const flush = async (chunk: string | Uint8Array): Promise<boolean> => {
    if (!response.write(chunk) && !(await drained(response, STALL_MS))) return false
    if (performance.now() - turn < TURN_MS) return true
    await new Promise((resolve) => setImmediate(resolve))
    turn = performance.now()
    return !response.destroyed
  }
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      slice += piece
      if (slice.length < SLICE_BYTES) continue
    }
    const rest = slice
    slice = ''
    if (rest !== '' && !(await flush(rest))) return
    if (typeof piece !== 'string' && !(await flush(piece))) return
  }
  response.end(slice)
}

/** Looks at the top two levels only: that is where long things stand in our replies. */
export function isLong(body: object): boolean {
  return Object.values(body).some((value: unknown) => {
    if (value instanceof JsonText) return true
    if (typeof value === 'string') return value.length > LONG * 512
    if (typeof value !== 'object' || value === null) return false
    return (Array.isArray(value) ? value : Object.keys(value)).length > LONG
  })
}
