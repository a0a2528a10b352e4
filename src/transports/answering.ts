// What one request meets: Host and Origin, then the credential, then the path; nothing is looked up or read for a
// stranger. Here every answer ends, every failure becomes one, and what breaks off after its head is logged and counted
// as failed, because its client has been told a success.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from '../caller.ts'
import type { Daemon } from '../daemon.ts'
import { Fault } from '../base/fault.ts'
import type { Gate } from '../invoke.ts'
import type { Log } from '../base/log.ts'
import type { Operation } from '../operation.ts'
import { responseClass } from '../base/tally.ts'
import type { Targets } from '../workspace/targets.ts'
import { dropShortBody, hasBody, holdBody, takeToken, newRequestId } from './body.ts'
import { answerBeforeCut, whenSent } from './connection-end.ts'
import type { Connections } from './connections.ts'
import type { Credentials } from './credentials/credentials.ts'
import { passEntrance, type OriginRules } from './origin.ts'
import { forward } from './forward.ts'
import type { JsonReader } from './json-reader.ts'
import { sendJson, asFault, refusalBody, refusalOfFault, refusalOfStranger, splitTarget } from './reply.ts'
import type { McpEndpoint } from './mcp/protocol/endpoint.ts'
import type { Proxy } from './proxy/proxy.ts'
import { isProxied } from './proxy/target.ts'
import { answerRest, type Exchange } from './rest.ts'
import { openRouter } from './router.ts'
import type { UnderWay } from './under-way.ts'
import type { UpgradeRoutes } from './upgrade.ts'

export interface AnsweringParts {
  readonly gate: Gate
  readonly catalog: readonly Operation[]
  readonly credentials: Pick<Credentials, 'judge'>
  readonly json: JsonReader
  readonly targets: Targets
  readonly mcp: McpEndpoint
  /** Absent: nothing is served at /proxy. */
  readonly proxy?: Proxy
  readonly upgrades: UpgradeRoutes
  readonly log: Log
  /** Where responses are counted. */
  readonly daemon?: Daemon
}

export interface AnsweringRules {
  readonly bodyBytes: number
  readonly accessLog: boolean
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>

interface Surroundings {
  readonly origins: OriginRules
  readonly underWay: UnderWay
  readonly connections: Connections
}

/** An exchange whose caller is not known yet; what all its replies carry may still change. */
type Arriving = Omit<Exchange, 'caller' | 'headers'> & { readonly headers: Record<string, string> }

type Serve = (exchange: Arriving, path: string) => Promise<void>

export function openAnswering(parts: AnsweringParts, rules: AnsweringRules, around: Surroundings): Answer {
  const { origins, underWay, connections } = around
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
    const { path, query } = splitTarget(request.url ?? '/')
    let status = 0
    try {
      if (passEntrance(request, response, path, origins, headers)) {
        await serve(
          { request, response, query: new URLSearchParams(query), requestId, signal: gone.signal, headers },
          path,
        )
      }
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

/** Everything after Host and Origin. */
function openServing(parts: AnsweringParts, rules: AnsweringRules, around: Surroundings): Serve {
  const router = openRouter(parts.catalog)
  const open = new Set(parts.catalog.flatMap((op) => (op.open === true ? op.routes.map((one) => one.path) : [])))
  const byAddress = new Set(
    parts.catalog.flatMap(({ routes }) => routes.flatMap((one) => (one.queryToken === true ? [one.path] : []))),
  )
  const rest = { gate: parts.gate, json: parts.json, bodyBytes: rules.bodyBytes }

  return async (exchange, path) => {
    const { request } = exchange
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
    const queryToken = byAddress.has(path) && method === 'GET' ? takeToken(exchange.query) : undefined
    const caller = open.has(path) && method === 'GET' ? STRANGER : await identify(parts, exchange, queryToken, around)
    if (caller === undefined) return
    const known: Exchange = { ...exchange, caller }
    const place = parts.targets.resolve(path)
    if (place.remote === undefined && parts.proxy !== undefined && isProxied(path)) {
      return await parts.proxy.answer(known)
    }
    holdBody(request, exchange.response)
    const found = router.find(method, place.path)
    if (path !== place.path && found !== undefined && 'op' in found && found.route.rootOnly) throw notServed(path)
    if (place.remote !== undefined) return await forward(place.remote, place.path, known, parts)
    if (place.path === '/mcp') return await parts.mcp(known)
    if (found === undefined) {
      if (parts.upgrades(place.path, place.path === path) === undefined) throw notServed(path)
      throw new Fault('upgrade_required', `${place.path} is a WebSocket: open it with an upgrade request`)
    }
    if ('allow' in found) {
      exchange.response.setHeader('allow', found.allow.join(', '))
      throw new Fault(
        'method_not_allowed',
        `${request.method ?? ''} is not accepted here; accepted is ${found.allow.join(', ')}`,
      )
    }
    await answerRest(rest, found, known)
  }
}

function notServed(path: string): Fault {
  const shown = path.slice(0, 200)
  return new Fault('not_found', `nothing is served at ${JSON.stringify(shown)}`, { details: { path: shown } })
}

/** Made once: an abort without a reason makes an error with its stack each time. */
const LEFT = new Error('the client has left')

/** Whoever asks an operation that is open to all. */
const STRANGER: Caller = { id: 'stranger', scopes: new Set(), expiresAt: undefined }

/** The caller, or undefined where the refusal has been sent: one fixed body, whatever was wrong (protocol.md#auth). */
async function identify(
  parts: AnsweringParts,
  exchange: Arriving,
  queryToken: string | undefined,
  { underWay, connections }: Surroundings,
): Promise<Caller | undefined> {
  const { request, response } = exchange
  const pending = parts.credentials.judge(request, { queryToken })
  const verdict = pending instanceof Promise ? await pending : pending
  if (verdict.ok) {
    underWay.begin(response, verdict.caller)
    connections.know(request.socket, verdict.caller)
    delete exchange.headers['connection'] // it would be a stranger's
    return verdict.caller
  }
  parts.log.warn('unauthorized', {
    request_id: exchange.requestId,
    reason: verdict.reason,
    address: request.socket.remoteAddress,
    status: verdict.status,
  })
  const { status, body, headers } = refusalOfStranger(verdict, exchange.requestId)
  await sendJson(response, status, refusalBody(body, request), { ...exchange.headers, ...headers })
  return undefined
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

/** An answer in the first moment comes before Node has told the end of a request that has no body. */
function endUnread({ complete, socket }: IncomingMessage): void {
  if (!complete) socket.destroySoon()
}

/**
 * An answer that fails after its head: half of it must not pass for the whole. Its client may have been told in a last
 * event. Returns the status by which it is counted and logged.
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
