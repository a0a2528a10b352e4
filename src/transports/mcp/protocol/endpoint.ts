// /mcp on node:http: reads one message, hands it to the engine, writes the outcome. The server has judged Host, Origin
// and the credential before (protocol.md#origins), so every caller here may get an answer.

import { type End, waitFor } from '../../../base/waiting.ts'
import { Fault } from '../../../base/fault.ts'
import type { Log } from '../../../base/log.ts'
import type { Gate } from '../../../invoke.ts'
import { BodyRoom } from '../../body-room.ts'
import { readBody, refuseCoding } from '../../body.ts'
import { untilHungUp } from '../../connection-end.ts'
import type { JsonReader } from '../../json-reader.ts'
import { sendJson, sendPieces, faultBody, successBody } from '../../reply.ts'
import type { Exchange } from '../../rest.ts'
import { readChoices } from './choices.ts'
import { openEngine, refused, type EngineReply } from './engine.ts'
import { PROTOCOL_VERSIONS, speakerOfHeaders, type Era } from './revision.ts'
import { RPC, type RpcError, classify, parseRefusal, type RequestId } from './json-rpc.ts'
import { doorOf, readHeaders, type EntryHeaders } from './http-entry.ts'
import type { MethodParts, ServerInfo } from './methods.ts'
import type { Registry } from './registry.ts'
import { ReplyStream } from './stream.ts'
import { isLongReply, wirePieces } from './wire.ts'

export interface McpParts {
  readonly registry: Registry
  readonly serverInfo: ServerInfo
  readonly json: JsonReader
  readonly gate: Pick<Gate, 'hold'>
  readonly instructions: MethodParts['instructions']
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal
  readonly log?: Log
}

export interface McpEndpoint {
  (exchange: Exchange): Promise<void>
  /** Resolves when no answer is under way, or when `signal` aborts. */
  settled(signal: AbortSignal): Promise<void>
}

/** Largest message; the daemon holds it in memory twice while it parses it. Larger content goes through REST. */
const BODY_BYTES = 4 * 1024 * 1024
/** Largest message of a credential that may start no call now. */
const UNADMITTED_BYTES = 64 * 1024
const LARGER = ' on /mcp; larger content goes to POST /files/write'

export function mcpEndpoint(parts: McpParts): McpEndpoint {
  const answer = openAnswering(parts)
  const answering = new Set<Promise<void>>()
  const endpoint = async (exchange: Exchange): Promise<void> => {
    const one = answer(exchange)
    answering.add(one)
    try {
      await one
    } finally {
      answering.delete(one)
    }
  }
  const settled = async (signal: AbortSignal): Promise<void> => {
    const left = (end: End<'settled'>) => {
      void Promise.allSettled(answering).then(() => end('settled'))
      return () => undefined
    }
    await waitFor(left, signal)
  }
  return Object.assign(endpoint, { settled })
}

function openAnswering(parts: McpParts): (exchange: Exchange) => Promise<void> {
  const { registry, serverInfo } = parts
  const engine = openEngine(parts)

  return async (exchange) => {
    const { request, caller, requestId } = exchange
    const headers = readHeaders(request.headers)
    const door = doorOf(request.method, headers)
    const choices = readChoices(request.headers, exchange.query, registry.tools.sets)
    if (door.kind === 'debug') {
      if (typeof choices === 'string') return await send(exchange, atDoor(headers, slip(choices)), headers)
      const names = registry.tools.names(caller, choices)
      return await sendJson(exchange.response, 200, describe(serverInfo, names), exchange.headers)
    }
    if (door.kind === 'closed') return await refuseMethod(exchange, door)
    if (door.kind === 'refused')
      return await send(exchange, atDoor(headers, refusalOf(door.status, door.sentence)), headers)
    using room = new BodyRoom(caller.id)
    let body: unknown
    try {
      refuseCoding(request)
      body = await parts.json.parse(await readMessage(exchange, room, parts.gate))
    } catch (error) {
      return await send(exchange, atDoor(headers, bodyRefusal(error)), headers)
    }
    if (typeof choices === 'string') return await send(exchange, atDoor(headers, slip(choices), idIn(body)), headers)
    using outlet = openStream(exchange, headers)
    using hungUp = untilHungUp(request.socket, exchange.signal)
    const outcome = await engine.handle({ body, headers, caller, requestId, choices, outlet, closed: hungUp.signal })
    room[Symbol.dispose]()
    if (outlet.opened && outcome.reply !== undefined) await outlet.end(outcome.reply)
    else await send(exchange, outcome, headers)
  }
}

async function refuseMethod(
  { response, requestId, headers }: Exchange,
  { allow, sentence }: { readonly allow: string; readonly sentence: string },
): Promise<void> {
  await sendJson(response, 405, faultBody(new Fault('method_not_allowed', sentence), requestId), { ...headers, allow })
}

/**
 * Reads the message. Only its body says which call it is, so before that only the credential can be checked. One
 * without a scope or at its limits may still send a short message: a ping, a list, a cancellation of its own call.
 */
async function readMessage({ request, caller }: Exchange, room: BodyRoom, gate: McpParts['gate']): Promise<Buffer> {
  let leave = (): void => undefined
  let refusal: unknown
  try {
    leave = gate.hold(caller)
  } catch (error) {
    refusal = error
  }
  try {
    const most = refusal === undefined ? BODY_BYTES : UNADMITTED_BYTES
    return await readBody(request, room, { most, hint: LARGER })
  } catch (error) {
    throw refusal !== undefined && error instanceof Fault && error.code === 'payload_too_large' ? refusal : error
  } finally {
    leave()
  }
}

function openStream(exchange: Exchange, headers: EntryHeaders): ReplyStream {
  const session = sessionOf(headers, speakerOfHeaders(headers).era)
  return new ReplyStream(exchange.response, { ...exchange.headers, ...session }, headers.acceptsStream)
}

/** Returns the caller's own session id for the answer, except in the era that has no sessions. */
function sessionOf(headers: EntryHeaders, era: Era): Readonly<Record<string, string>> {
  return era === 'modern' || headers.session === undefined ? {} : { 'mcp-session-id': headers.session }
}

async function send(exchange: Exchange, outcome: EngineReply, headers: EntryHeaders): Promise<void> {
  const { response } = exchange
  const { status, reply, era } = outcome
  const extra = { ...exchange.headers, ...sessionOf(headers, era), ...outcome.headers }
  if (reply === undefined) {
    response.writeHead(status, { 'cache-control': 'no-store', 'content-length': '0', ...extra }).end()
  } else if (isLongReply(reply)) {
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...extra })
    await sendPieces(response, wirePieces(reply))
  } else {
    await sendJson(response, status, reply, { 'content-type': 'application/json', ...extra })
  }
}

/** Returns a refusal before the body is read, when only the headers tell who speaks. */
function atDoor(headers: EntryHeaders, refusal: RpcError, id: RequestId | null = null): EngineReply {
  return refused(refusal, id, speakerOfHeaders(headers).era)
}

function idIn(body: unknown): RequestId | null {
  const message = classify(body)
  return message.kind === 'request' || message.kind === 'malformed' ? message.id : null
}

/** Returns the refusal of a choice that is not valid. */
function slip(sentence: string): RpcError {
  return { ...refusalOf(400, sentence), code: RPC.invalidParams }
}

function refusalOf(status: number, message: string): RpcError {
  return { status, code: RPC.invalidRequest, message }
}

function bodyRefusal(error: unknown): RpcError {
  if (!(error instanceof Fault)) throw error
  if (error.code === 'bad_request') return parseRefusal(error.message)
  const retry = error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }
  // The connection closes, because the rest of the unread body is not worth waiting for.
  const close = error.code === 'payload_too_large' ? { connection: 'close' } : {}
  const data = { code: error.code, ...error.details }
  return { ...refusalOf(error.status, error.message), data, headers: { ...retry, ...close } }
}

/** Returns the answer to a plain GET (protocol.md#statuses). */
function describe(serverInfo: ServerInfo, names: readonly string[]): object {
  const { name, version } = serverInfo
  return successBody({ name, version, tools: names, tool_count: names.length, protocol_versions: PROTOCOL_VERSIONS })
}
