// JSON replies (protocol.md#replies): the body of a success and of a failure, the refusals that every door sends, and
// `sendJson`, which writes a short body at once and a long one in slices under back-pressure: no reply blocks the loop
// (protocol.md#limits), and no slow client makes the daemon hold it twice. MCP sends the same bodies as text.

import { Fault, faultOfExhaustion } from '../base/fault.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../base/log.ts'
import type { Verdict } from './credentials/credentials.ts'
import { jsonOf, JsonText, jsonPieces } from '../base/json-text.ts'
import { hasBody } from './body.ts'
import { REPLY_STALL_MS } from './patience.ts'
import { speaksMcp } from './entries.ts'
import { splitTarget } from './request-head.ts'
import { drained } from './stream-reply.ts'

/** The reply of an operation; `ignored` names request fields that meant nothing (protocol.md#tolerant-input). */
export function successBody(value: object, ignored: readonly string[] = []): Readonly<Record<string, unknown>> {
  return ignored.length === 0 ? { success: true, ...value } : { success: true, ...value, ignored }
}

export interface FaultBody {
  readonly success: false
  readonly error: string
  readonly message: string
  readonly code: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly request_id: string
}

export function faultBody(fault: Fault, requestId: string): FaultBody {
  return {
    success: false,
    error: fault.message,
    message: fault.message,
    code: fault.code,
    ...(fault.details === undefined ? {} : { details: fault.details }),
    request_id: requestId,
  }
}

const STRANGERS = {
  400: new Fault('bad_request', 'the request has more than one Authorization header; exactly one is accepted'),
  401: new Fault('unauthorized', 'a valid credential is needed: send it as "Authorization: Bearer <token>"'),
  429: new Fault('rate_limited', 'this address failed to authenticate too often; try again later'),
}

/** Headers of 426, which name the protocol to upgrade to (RFC 9110 15.5.22, RFC 6455 4.2.2). */
const UPGRADE = { connection: 'Upgrade, close', upgrade: 'websocket', 'sec-websocket-version': '13' }

type Refused = Extract<Verdict, { ok: false }>

/** A whole reply: a refusal, or a page that needs no credential. */
export interface HttpReply {
  readonly status: number
  readonly body?: object
  readonly headers: Readonly<Record<string, string>>
}

export interface HttpRefusal extends HttpReply {
  readonly body: object
}

/** Returns one body for everything that may be wrong with a credential (protocol.md#auth); it names the request. */
export function refusalOfStranger(verdict: Refused, requestId: string): HttpRefusal {
  const body = faultBody(STRANGERS[verdict.status], requestId)
  const challenge = `Bearer realm="workspace-runtime"${verdict.sentInvalid ? ', error="invalid_token"' : ''}`
  const retry = verdict.retryAfter === undefined ? {} : { 'retry-after': String(verdict.retryAfter) }
  const headers = { 'www-authenticate': challenge, connection: 'close', ...retry }
  return { status: verdict.status, body, headers }
}

export function refusalOfFault(fault: Fault, requestId: string): HttpRefusal {
  const retry = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }
  const upgrade = fault.status === 426 ? UPGRADE : {}
  return {
    status: fault.status,
    body: faultBody(fault, requestId),
    headers: { ...fault.headers, ...retry, ...upgrade },
  }
}

/**
 * Returns the body of a refusal in the protocol of this request. An MCP message is refused before it is read, and its
 * client shows only a JSON-RPC error: so `error` is one, beside the fields that every refusal has.
 */
export function refusalBody(body: object, { method, url = '' }: IncomingMessage): object {
  if (method !== 'POST' || !speaksMcp(splitTarget(url).path)) return body
  const { error: message, ...data } = body as FaultBody // every refusal has this form
  return { jsonrpc: '2.0', id: null, ...body, error: { code: REFUSED, message, data } }
}

/** Code of JSON-RPC's range for servers. */
const REFUSED = -32000

export function asFault(error: unknown, requestId: string, log: Log): Fault {
  if (error instanceof Fault) return error
  const exhausted = faultOfExhaustion(error)
  if (exhausted !== undefined) {
    log.warn('exhausted', { request_id: requestId, reason: exhausted.message })
    return exhausted
  }
  log.error('internal_error', { request_id: requestId, stack: error instanceof Error ? error.stack : String(error) })
  return new Fault('internal_error', 'the daemon failed; its log has the reason under this request id', {
    cause: error,
  })
}

/** Bytes of a slice of a long reply. */
const SLICE_BYTES = 128 * 1024

/** Milliseconds of rendering after which the loop gets its turn. */
const TURN_MS = 8

/** Length of strings and arrays above which a reply is long. */
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
    if (!response.write(chunk) && !(await drained(response, REPLY_STALL_MS))) return false
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

/** True if a body is better sent in slices. Looks at the top two levels alone, where our replies have what is long. */
export function isLong(body: object): boolean {
  return Object.values(body).some((value: unknown) => {
    if (value instanceof JsonText) return true
    if (typeof value === 'string') return value.length > LONG * 512
    if (typeof value !== 'object' || value === null) return false
    return (Array.isArray(value) ? value : Object.keys(value)).length > LONG
  })
}
