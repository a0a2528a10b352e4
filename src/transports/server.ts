// The front door: one HTTP server. Every request meets the same questions in the same order: Host and
// Origin, then the credential, then the path; nothing is looked up or read for a stranger (reliability A-01).

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Caller } from '../caller.ts'
import type { Daemon } from '../daemon.ts'
import { errnoOf, Fault } from '../base/fault.ts'
import type { Gate } from '../invoke.ts'
import type { Log } from '../base/log.ts'
import type { Operation } from '../operation.ts'
import { responseClass } from '../base/tally.ts'
import type { Targets } from '../workspace/targets.ts'
import { hasBody, holdBody } from './body.ts'
import { answerBeforeCut, refuseMalformed, whenSent } from './connection-end.ts'
import type { Credentials } from './credentials/credentials.ts'
import { passEntrance } from './entrance.ts'
import { forward } from './forward.ts'
import type { JsonReader } from './json-reader.ts'
import { sendJson } from './json-reply.ts'
import type { McpEndpoint } from './mcp/endpoint.ts'
import type { OriginRules } from './origin.ts'
import type { Proxy } from './proxy/proxy.ts'
import { isProxied } from './proxy/target.ts'
import { asFault, refusalOfFault, refusalOfStranger, splitTarget } from './refusal.ts'
import { takeToken } from './query-token.ts'
import { newRequestId } from './request-id.ts'
import { answerRest, type Exchange } from './rest.ts'
import { openRouter } from './router.ts'
import { openUnderWay, type UnderWay } from './under-way.ts'
import { isWebSocket, openUpgrades, type UpgradeRoutes } from './upgrade.ts'

export interface ServerParts {
  readonly gate: Gate
  readonly catalog: readonly Operation[]
  readonly credentials: Pick<Credentials, 'judge'>
  readonly json: JsonReader
  readonly targets: Targets
  readonly mcp: McpEndpoint
  /** Absent: nothing is served at /proxy. */
  readonly proxy?: Proxy
  /** Who answers a WebSocket upgrade of a path. */
  readonly upgrades: UpgradeRoutes
  readonly log: Log
  /** Where responses are counted. */
  readonly daemon?: Daemon
}

export interface ServerRules {
  readonly host: string
  readonly port: number
  /** A socket that listens already and is not ours alone: taken instead of host and port. */
  readonly descriptor?: number | undefined
  readonly origins: readonly string[]
  readonly allowedHosts: readonly string[]
  readonly bodyBytes: number
  readonly accessLog: boolean
}

export interface FrontDoor extends AsyncDisposable {
  readonly address: AddressInfo
  /** Takes no new connections; those that are open go on. */
  stopAccepting(): void
  /** How many are open, sockets among them. */
  connections(): Promise<number>
}

/** Issue: gateways close idle connections after 60 s; ours live longer, so that they never race (H-12). */
const KEEP_ALIVE_MS = 75_000
const HEADERS_MS = 10_000
/** How often Node looks for connections past their header time (H-01: closed by 10 + 5 s). */
const CHECK_MS = 5_000

export async function openServer(parts: ServerParts, rules: ServerRules): Promise<FrontDoor> {
  const server = createServer({
    headersTimeout: HEADERS_MS,
    requestTimeout: 0, // long uploads and streams; bodies have a watch of their own (H-02)
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: 16 * 1024,
    noDelay: true,
    optimizeEmptyRequests: true, // no stream is set up and ended for a body that was not announced
    insecureHTTPParser: false,
    shouldUpgradeCallback: isWebSocket, // any other upgrade (h2c) is declined by answering as usual
  })
  const origins = { origins: rules.origins, allowedHosts: rules.allowedHosts, bound: rules.host, port: rules.port }
  const underWay = openUnderWay()
  const answer = openAnswering(parts, rules, origins, underWay)
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch((error: unknown) => {
      asFault(error, 'unknown', parts.log) // not even the refusal went well: this exchange ends, not the daemon
      response.destroy()
    })
  }
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, take)
  server.on('clientError', refuseMalformed)
  const upgrades = openUpgrades(parts, origins, rules.accessLog)
  server.on('upgrade', upgrades.take)
  await listen(server, rules)
  // A connection that could not be taken (no free descriptor) is that connection's end, not ours (Z-01).
  server.on('error', (error) => parts.log.warn('connection_not_taken', { errno: errnoOf(error) }))
  const address = server.address() as AddressInfo
  origins.port = address.port
  // What was handed over is bound to whatever its owner chose.
  if (rules.descriptor !== undefined) origins.bound = address.address
  parts.proxy?.refusePort(address.port)
  return {
    address,
    stopAccepting() {
      server.close()
      server.closeIdleConnections()
    },
    async connections() {
      const { promise, resolve } = Promise.withResolvers<number>()
      server.getConnections((error, count) => resolve(error === null ? count : 0))
      return await promise
    },
    async [Symbol.asyncDispose]() {
      const { promise, resolve } = Promise.withResolvers<void>()
      server.close(() => resolve())
      server.closeAllConnections()
      upgrades[Symbol.dispose]()
      underWay[Symbol.dispose]()
      await promise
    },
  }
}

async function listen(server: Server, rules: ServerRules): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  const where = rules.descriptor === undefined ? { host: rules.host, port: rules.port } : { fd: rules.descriptor }
  server.listen({ ...where, backlog: 1024 }, resolve)
  await promise
  server.off('error', reject)
}

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>

function openAnswering(parts: ServerParts, rules: ServerRules, origins: OriginRules, underWay: UnderWay): Answer {
  const router = openRouter(parts.catalog)
  const open = new Set(parts.catalog.flatMap((op) => (op.open === true ? op.routes.map((one) => one.path) : [])))
  const byAddress = new Set(
    parts.catalog.flatMap(({ routes }) => routes.flatMap((one) => (one.queryToken === true ? [one.path] : []))),
  )
  const rest = { gate: parts.gate, json: parts.json, bodyBytes: rules.bodyBytes }

  /** Everything after Host and Origin. */
  const serve = async (exchange: Omit<Exchange, 'caller'>, path: string): Promise<void> => {
    const { request } = exchange
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
    const queryToken = byAddress.has(path) && method === 'GET' ? takeToken(exchange.query) : undefined
    const caller = open.has(path) && method === 'GET' ? STRANGER : await identify(parts, exchange, queryToken, underWay)
    if (caller === undefined) return
    const known: Exchange = { ...exchange, caller }
    const place = parts.targets.resolve(path)
    if (place.remote === undefined && parts.proxy !== undefined && isProxied(path)) {
      return await parts.proxy.answer(known)
    }
    holdBody(request, exchange.response)
    const found = router.find(method, place.path)
    if (path !== place.path && found !== undefined && 'op' in found && found.route.rootOnly) throw notServed(path)
    if (place.remote !== undefined) return await forward(place.remote, place.path, known)
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

  return async (request, response) => {
    const requestId = newRequestId()
    const began = performance.now()
    const headers: Record<string, string> = { 'x-request-id': requestId }
    const gone = new AbortController()
    response.on('error', () => undefined) // a client that leaves is no event of ours; `close` tells
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(LEFT)
    })
    request.on('error', () => undefined)
    if (hasBody(request)) answerBeforeCut(request, response)
    const { path, query } = splitTarget(request.url ?? '/')
    try {
      if (passEntrance(request, response, path, origins, headers)) {
        await serve(
          { request, response, query: new URLSearchParams(query), requestId, signal: gone.signal, headers },
          path,
        )
      }
    } catch (error) {
      await refuse(response, asFault(error, requestId, parts.log), requestId, headers)
    } finally {
      underWay.end(response)
      if (!request.complete) whenSent(response, () => request.socket.destroySoon())
      if (parts.daemon !== undefined && response.headersSent) {
        parts.daemon.responses[responseClass(response.statusCode)]++
      }
      if (rules.accessLog) {
        parts.log.info('request', {
          request_id: requestId,
          method: request.method,
          path,
          status: response.statusCode,
          ms: Math.round(performance.now() - began),
        })
      }
    }
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

/** The caller, or undefined where the refusal has been sent: one fixed body, whatever was wrong (contract 0). */
async function identify(
  parts: ServerParts,
  exchange: Omit<Exchange, 'caller'>,
  queryToken: string | undefined,
  underWay: UnderWay,
): Promise<Caller | undefined> {
  const { request, response } = exchange
  const pending = parts.credentials.judge(request, { queryToken })
  const verdict = pending instanceof Promise ? await pending : pending
  if (verdict.ok) {
    underWay.begin(response, verdict.caller)
    return verdict.caller
  }
  parts.log.warn('unauthorized', {
    request_id: exchange.requestId,
    reason: verdict.reason,
    address: request.socket.remoteAddress,
    status: verdict.status,
  })
  const { status, body, headers } = refusalOfStranger(verdict)
  await sendJson(response, status, body, { ...exchange.headers, ...headers })
  return undefined
}

async function refuse(
  response: ServerResponse,
  fault: Fault,
  requestId: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  if (response.headersSent) {
    response.destroy() // half a reply must not pass for a whole one
    return
  }
  const { status, body, headers: more } = refusalOfFault(fault, requestId)
  // A connection whose body was not read ends with the answer: its client must not send the next request on it.
  const last = response.req.complete ? {} : { connection: 'close' }
  await sendJson(response, status, body, { ...headers, ...more, ...last })
}
