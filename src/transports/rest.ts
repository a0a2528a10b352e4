// REST, a projection of the catalogue: a matched route and the request's fields become the input of an operation; its
// value becomes the reply.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from '../caller.ts'
import { Fault, quote } from '../base/fault.ts'
import { nearest } from '../base/nearest.ts'
import type { Arrival, Gate } from '../invoke.ts'
import { Blocks, ByteStream, EventStream, type Route } from '../operation.ts'
import { BodyRoom } from './body-room.ts'
import { hasBody, mediaType, readBody, refuseCoding, streamBody } from './body.ts'
import { sendBytes } from './stream-reply.ts'
import { sendStream } from './event-stream.ts'
import type { JsonReader } from './json-reader.ts'
import { sendJson, successBody } from './reply.ts'
import type { Match } from './router.ts'
import type { Catalog } from '../shelf.ts'

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  readonly caller: Caller
  readonly requestId: string
  /** Aborted when the client's connection is gone. */
  readonly signal: AbortSignal
  /** Headers every reply of this exchange carries: request id, CORS. */
  readonly headers: Readonly<Record<string, string>>
}

export interface RestRules {
  readonly gate: Gate
  readonly json: JsonReader
  /** Catalogue in which POST /tools/:name finds its tool. */
  readonly catalog: Catalog
  /** Bytes of the largest JSON body (protocol.md#requests: 64 MiB). */
  readonly bodyBytes: number
}

/** Bytes of the largest body of fields or bytes: base64 of the most that is taken at once, and JSON around it. */
const EITHER_BYTES = 2 * 1024 * 1024
/** Bytes that are searched for white space before an object. */
const EITHER_START = 64

/** Runs the matched operation and sends its reply; throws errors that should become an error body. */
export async function answerRest(rules: RestRules, found: Match, exchange: Exchange): Promise<void> {
  const match = found.route.callsTool === true ? calledTool(rules.catalog, found) : found
  const { op, route, parameters } = match
  const { request, response } = exchange
  using room = new BodyRoom(exchange.caller.id)
  const arrive = async (): Promise<Arrival> => {
    const { fields, bytes } = await takeBody(rules, match, request, room)
    const query = fieldsOf(exchange.query, request.url ?? '')
    return { raw: { ...query, ...fields, ...headerFields(request, route), ...parameters }, body: bytes }
  }
  const { value, ignored } = await rules.gate.invoke(op, {
    raw: arrive,
    rules:
      route.callsTool === true
        ? { unknown: 'refuse', defaults: op.tool?.defaults ?? {} }
        : { unknown: 'report', fixed: route.fixed },
    caller: exchange.caller,
    signal: exchange.signal,
    requestId: exchange.requestId,
    via: 'rest',
  })
  room[Symbol.dispose]()
  if (value instanceof EventStream) {
    await sendStream(response, value, { headers: exchange.headers, ignored })
    return
  }
  if (value instanceof ByteStream) return await sendBytes(response, value, exchange.headers)
  const reply = op.open === true ? value : successBody(value instanceof Blocks ? blocksBody(value) : value, ignored)
  await sendJson(response, route.status ?? 200, reply, exchange.headers)
}

/** Returns the tool that the path names, in place of the route's own operation. */
function calledTool(catalog: Catalog, { route, parameters }: Match): Match {
  const { name = '' } = parameters
  const op = catalog.find(name)
  if (op?.tool !== undefined) return { op, route, parameters: {} }
  const tools = catalog.list().filter(({ tool }) => tool !== undefined)
  const close = nearest(
    name,
    tools.map((one) => one.name),
  )
  const hint = close === undefined ? 'GET /mcp names them all' : `did you mean ${quote(close)}?`
  throw new Fault('not_found', `there is no tool ${quote(name)}; ${hint}`, { details: { field: 'name' } })
}

function blocksBody({ content, structured, failed }: Blocks): object {
  return { content, ...(structured && { structured }), ...(failed && { failed }) }
}

interface Body {
  readonly fields?: Readonly<Record<string, unknown>>
  readonly bytes?: AsyncIterable<Uint8Array>
}

/** Reads the body as its route takes it: as fields of the input, as bytes for the call, or as one of the two. */
async function takeBody(rules: RestRules, match: Match, request: IncomingMessage, room: BodyRoom): Promise<Body> {
  const { body } = match.route
  if (body === 'bytes') return hasBody(request) ? { bytes: streamBody(request) } : {}
  if (!carriesFields(request)) return {}
  if (body !== 'either') return { fields: await readFields(request, rules, room) }
  const whole = await readBody(request, room, { most: EITHER_BYTES })
  const fields = /^\s*\{/.test(whole.toString('latin1', 0, EITHER_START))
    ? await knownFields(rules, match, whole)
    : undefined
  return fields === undefined ? { bytes: piecesOf(whole) } : { fields }
}

/** Returns the body if it is a JSON object with one of the fields that the route takes from a body. */
async function knownFields(
  { json }: RestRules,
  { op, parameters }: Match,
  body: Buffer,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  // A copy, as the reader takes ownership; a body that cannot be parsed is bytes, not a fault.
  const value = await json.parse(Buffer.from(body)).catch(() => undefined)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const aliases = op.aliases ?? {}
  const known = (key: string): boolean => {
    const name = Object.hasOwn(aliases, key) ? aliases[key] : key
    return name !== undefined && Object.hasOwn(op.input.properties, name) && !Object.hasOwn(parameters, name)
  }
  return Object.keys(value).some(known) ? { ...value } : undefined
}

async function* piecesOf(whole: Buffer): AsyncGenerator<Uint8Array> {
  if (whole.byteLength > 0) yield whole
}

/**
 * Returns the query's fields; a repeated key becomes an array. Throws for bytes that are no UTF-8: they would name
 * another path than was meant.
 */
function fieldsOf(query: URLSearchParams, url: string): Record<string, unknown> {
  const fields = new Map<string, string | string[]>()
  let replaced = 0
  query.forEach((value, key) => {
    const before = fields.get(key)
    if (before === undefined) fields.set(key, value)
    else if (typeof before === 'string') fields.set(key, [before, value])
    else before.push(value)
    replaced += replacements(key) + replacements(value)
  })
  if (replaced > 0 && replaced > url.split(/%ef%bf%bd/i).length - 1) {
    throw new Fault('bad_request', 'the query has escapes that are not UTF-8', { details: { field: 'query' } })
  }
  return Object.fromEntries(fields) // not by assignment: a key may be `__proto__`
}

function replacements(text: string): number {
  return text.includes('\u{fffd}') ? text.split('\u{fffd}').length - 1 : 0
}

/**
 * Returns the route's headers that came, as fields; one that came twice is joined by commas, as HTTP has it. A range
 * counts with GET alone (RFC 9110 14.2).
 */
function headerFields(request: IncomingMessage, { headers }: Route<Record<string, unknown>>): object | undefined {
  if (headers === undefined) return undefined
  return Object.fromEntries(
    Object.entries(headers).flatMap(([header, field]) => {
      const values = header === 'range' && request.method !== 'GET' ? undefined : request.headersDistinct[header]
      return values === undefined ? [] : [[field, values.join(', ')]]
    }),
  )
}

function carriesFields(request: IncomingMessage): boolean {
  return hasBody(request) && request.method !== 'GET' && request.method !== 'HEAD'
}

/** Reads the fields of a JSON body; an empty body has none with any content type (protocol.md#requests). */
async function readFields(
  request: IncomingMessage,
  rules: RestRules,
  room: BodyRoom,
): Promise<Record<string, unknown>> {
  refuseCoding(request)
  const bytes = await readBody(request, room, { most: rules.bodyBytes })
  if (bytes.byteLength === 0) return {}
  const type = mediaType(request)
  if (type !== 'application/json') {
    throw new Fault(
      'unsupported_media_type',
      `the body is sent as ${type === '' ? 'no content type' : JSON.stringify(type)}; accepted is application/json`,
      { details: { field: 'Content-Type', got: type } },
    )
  }
  const value = await rules.json.parse(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
    throw new Fault('bad_request', `the body is ${got}; accepted is a JSON object`, { details: { field: 'body' } })
  }
  return value as Record<string, unknown>
}
