// The way of one request: it is admitted (admit.ts), then its path says who answers: an entry (entries.ts), another
// daemon, or an operation. Every answer ends here and every failure becomes one. An answer that breaks off after its
// head is logged and counted as failed, because its client has been told a success.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Daemon } from '../daemon.ts'
import { Fault } from '../base/fault.ts'
import type { Gate } from '../invoke.ts'
import type { Log } from '../base/log.ts'
import type { Catalog } from '../shelf.ts'
import { responseClass } from '../base/tally.ts'
import { openAdmit, type AdmitParts, type Arrival, type Surroundings } from './admit.ts'
import { dropShortBody, hasBody, holdBody } from './body.ts'
import { answerBeforeCut, whenSent } from './connection-end.ts'
import { entryOf, type EntryHandlers } from './entries.ts'
import { forward } from './forward.ts'
import type { JsonReader } from './json-reader.ts'
import { asFault, refusalBody, refusalOfFault, sendJson, type HttpReply } from './reply.ts'
import { newRequestId, splitTarget } from './request-head.ts'
import { answerRest, type Exchange } from './rest.ts'
import { openRouter } from './router.ts'

export interface AnsweringParts extends Omit<AdmitParts, 'open'> {
  readonly gate: Gate
  readonly catalog: Catalog
  readonly json: JsonReader
  readonly handlers: EntryHandlers
  /** Counts responses. */
  readonly daemon?: Daemon
}

export interface AnsweringRules {
  readonly bodyBytes: number
  readonly accessLog: boolean
}

/** Answers one request; rejects only where the refusal itself fails. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

type RequestArrival = Arrival & Omit<Exchange, 'caller'>

export function openAnswering(parts: AnsweringParts, rules: AnsweringRules, around: Surroundings): Handler {
  const { underWay, connections } = around
  const serve = openServing(parts, rules, around)

  return async (request, response) => {
    const requestId = newRequestId()
    const began = performance.now()
    const headers: Record<string, string> = { 'x-request-id': requestId }
    if (connections.begin(request.socket)) headers['connection'] = 'close'
    const gone = new AbortController()
    response.on('error', () => undefined) // a client that leaves is no event of ours; `close` tells
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(LEFT)
    })
    request.on('error', () => undefined)
    if (hasBody(request)) answerBeforeCut(request, response)
    const { path, query: text } = splitTarget(request.url ?? '/')
    const query = new URLSearchParams(text)
    let status = 0
    try {
      await serve({ request, response, requestId, path, entry: entryOf(path), query, headers, signal: gone.signal })
    } catch (error) {
      const fault = asFault(error, requestId, parts.log)
      if (response.headersSent && !gone.signal.aborted)
        status = breakOff(response, { fault, requestId, path }, parts.log)
      else if (!response.headersSent) await refuse(response, fault, requestId, headers)
    } finally {
      underWay.end(response)
      connections.end(request.socket)
      if (!request.complete) whenSent(response, () => endUnread(request))
      status ||= response.statusCode
      if (parts.daemon !== undefined && response.headersSent) parts.daemon.responses[responseClass(status)]++
      if (rules.accessLog) {
        const ms = Math.round(performance.now() - began)
        parts.log.info('request', { request_id: requestId, method: request.method, path, status, ms })
      }
    }
  }
}

/** Admits a request and has it answered by an entry, by another daemon, or by an operation. */
function openServing(
  parts: AnsweringParts,
  rules: AnsweringRules,
  around: Surroundings,
): (arrival: RequestArrival) => Promise<void> {
  const { catalog, handlers } = parts
  const router = openRouter(catalog)
  // Only built-in operations may be open, so these paths never change.
  const open = new Set(catalog.list().flatMap((op) => (op.open === true ? op.routes.map((one) => one.path) : [])))
  const admit = openAdmit({ ...parts, open }, around)
  const rest = { gate: parts.gate, json: parts.json, catalog, bodyBytes: rules.bodyBytes }

  return async (arrival) => {
    const { request, response, path, entry } = arrival
    const admitted = await admit(arrival)
    if ('reply' in admitted) return await sendReply(arrival, admitted.reply)
    const exchange: Exchange = { ...arrival, caller: admitted.caller }
    const { place } = admitted
    const handler = entry.path === undefined ? undefined : handlers[entry.path]
    if (entry.application === true && place.remote === undefined && handler?.answer !== undefined)
      return await handler.answer(exchange)
    holdBody(request, response)
    const found = router.find(request.method === 'HEAD' ? 'GET' : (request.method ?? ''), place.path)
    const rootOnly = entry.rootOnly === true || (found !== undefined && 'op' in found && found.route.rootOnly === true)
    if (rootOnly && path !== place.path) throw notServed(path)
    if (place.remote !== undefined) return await forward(place.remote, place.path, exchange, parts)
    if (found === undefined) {
      if (handler?.answer !== undefined) return await handler.answer(exchange)
      if (handler === undefined) throw notServed(path)
      throw new Fault('upgrade_required', `${place.path} is a WebSocket: open it with an upgrade request`)
    }
    if ('op' in found) return await answerRest(rest, found, exchange)
    response.setHeader('allow', found.allow.join(', '))
    const sentence = `${request.method ?? ''} is not accepted here; accepted is ${found.allow.join(', ')}`
    throw new Fault('method_not_allowed', sentence)
  }
}

function notServed(path: string): Fault {
  const shown = path.slice(0, 200)
  return new Fault('not_found', `nothing is served at ${JSON.stringify(shown)}`, { details: { path: shown } })
}

/** Reason of an abort, made once: an abort without one makes an error with its stack each time. */
const LEFT = new Error('the client has left')

/** Sends the whole reply of a request that was not admitted. */
async function sendReply({ request, response, headers }: RequestArrival, reply: HttpReply): Promise<void> {
  const all = { ...headers, ...reply.headers }
  if (reply.body === undefined) response.writeHead(reply.status, all).end()
  else await sendJson(response, reply.status, refusalBody(reply.body, request), all)
}

async function refuse(
  response: ServerResponse,
  fault: Fault,
  requestId: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  if (fault.status === 403 || fault.status === 429 || fault.status === 503) await dropShortBody(response.req)
  const { status, body, headers: more } = refusalOfFault(fault, requestId)
  // A connection whose body was not read ends with the answer: its client must not send the next request on it.
  const last = response.req.complete ? {} : { connection: 'close' }
  await sendJson(response, status, refusalBody(body, response.req), { ...headers, ...more, ...last })
}

/** Ends a connection with an unread request. At first Node may not have told the end of a request without a body. */
function endUnread({ complete, socket }: IncomingMessage): void {
  if (!complete) socket.destroySoon()
}

/**
 * Ends an answer that fails after its head: half of it must not look complete. Its client may have got an error event.
 * Returns the status by which it is counted and logged.
 */
function breakOff(
  response: ServerResponse,
  { fault, requestId, path }: { readonly fault: Fault; readonly requestId: string; readonly path: string },
  log: Log,
): number {
  const told = response.writableEnded || response.socket?.writableEnded === true
  if (!told) response.destroy()
  log.warn('answer_broke_off', { request_id: requestId, path, code: fault.code, reason: fault.message })
  return Math.max(fault.status, 500)
}
