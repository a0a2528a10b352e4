// The door for WebSocket upgrades. Node leaves the connection to us from the first moment, so the first
// statement hears its errors. Then the questions of every request, in the same order: Host and
// Origin, the credential (by header or `?token=`, protocol.md#auth), the path. A refusal is a plain HTTP answer, and
// the query, which may hold a token, reaches no log.

import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Caller } from '../caller.ts'
import type { Daemon } from '../daemon.ts'
import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import { responseClass } from '../base/tally.ts'
import type { Targets } from '../workspace/targets.ts'
import type { Connections } from './connections.ts'
import type { Credentials } from './credentials/credentials.ts'
import { hostsOf, originAllowed, refuseHost, type OriginRules } from './origin.ts'
import { isProxied } from './proxy/target.ts'
import { takeToken, newRequestId } from './body.ts'
import { refuseTarget } from './request-target.ts'
import { asFault, closeSoon, refusalOfFault, refusalOfStranger, splitTarget, type Refusal } from './reply.ts'

/** A connection that asks to become a WebSocket, its caller known. */
export interface Connection {
  readonly socket: Duplex
  /** What came behind the request's headers. */
  readonly head: Buffer
  readonly caller: Caller
  /** Without the token. */
  readonly query: URLSearchParams
}

/**
 * Takes the connection over, or throws a Fault while it is still plain HTTP. Returns the status it has answered, for
 * the log, where that is not 101.
 */
export type UpgradeRoute = (request: IncomingMessage, connection: Connection) => Promise<number | void>

/** Who takes the upgrade of a path (without its /runtimes prefix, which it had unless `atRoot`); undefined: nobody. */
export type UpgradeRoutes = (path: string, atRoot: boolean) => UpgradeRoute | undefined

export interface UpgradeParts {
  readonly credentials: Pick<Credentials, 'judge'>
  readonly targets: Targets
  readonly upgrades: UpgradeRoutes
  readonly log: Log
  /** Where responses are counted. */
  readonly daemon?: Daemon
}

export interface Upgrades extends Disposable {
  readonly take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/** How long a refused connection may take to close (X-02: destroyed within 1 s). */
const LINGER_MS = 800

export function isWebSocket(request: IncomingMessage): boolean {
  return /(^|,)\s*websocket\s*(,|$)/i.test(request.headers.upgrade ?? '')
}

/** `origins` is read anew for each request: its port is known once the server listens. */
export function openUpgrades(
  parts: UpgradeParts,
  { origins, connections }: { readonly origins: OriginRules; readonly connections: Connections },
  accessLog: boolean,
): Upgrades {
  const sockets = new Set<Duplex>()

  const serve = async (request: IncomingMessage, socket: Duplex, head: Buffer, requestId: string): Promise<number> => {
    const { path, query: text } = splitTarget(request.url ?? '/')
    refuseTarget(request)
    refuseForeign(request, path, origins)
    const query = new URLSearchParams(text)
    // On /proxy a header counts alone (protocol.md#auth), the parameter being perhaps the application's.
    const headerAlone = isProxied(path) && request.headers.authorization !== undefined
    const queryToken = headerAlone ? undefined : takeToken(query)
    query.delete('token')
    const pending = parts.credentials.judge(request, { queryToken })
    const verdict = pending instanceof Promise ? await pending : pending
    if (!verdict.ok) {
      const { reason, status } = verdict
      parts.log.warn('unauthorized', { request_id: requestId, reason, address: request.socket.remoteAddress, status })
      return answer(socket, refusalOfStranger(verdict, requestId), requestId)
    }
    connections.begin(request.socket) // for as long as it lives
    connections.know(request.socket, verdict.caller)
    if (socket.destroyed) return 0
    const place = parts.targets.resolve(path)
    if (place.remote !== undefined) throw new Fault('not_supported', 'sockets of other runtimes are not passed on')
    const route = parts.upgrades(place.path, place.path === path)
    if (route === undefined) {
      throw new Fault('not_found', `no WebSocket is served at ${JSON.stringify(path.slice(0, 200))}`)
    }
    return (await route(request, { socket, head, caller: verdict.caller, query })) ?? 101
  }

  const take = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const requestId = newRequestId()
    let status = 0
    try {
      status = await serve(request, socket, head, requestId)
    } catch (error) {
      status = answer(socket, refusalOfFault(asFault(error, requestId, parts.log), requestId), requestId)
    }
    if (parts.daemon !== undefined) parts.daemon.responses[responseClass(status)]++
    if (!accessLog) return
    const { path } = splitTarget(request.url ?? '/')
    parts.log.info('upgrade', { request_id: requestId, method: request.method, path, status })
  }

  return {
    take(request, socket, head) {
      socket.on('error', () => socket.destroy()) // stays for the connection's life
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      take(request, socket, head).catch((error: unknown) => {
        asFault(error, 'unknown', parts.log)
        socket.destroy()
      })
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function refuseForeign(request: IncomingMessage, path: string, origins: OriginRules): void {
  const badHost = refuseHost(hostsOf(request.rawHeaders, request.url ?? ''), origins)
  if (badHost !== null) throw new Fault('forbidden', badHost, { details: { field: 'Host' } })
  const { origin } = request.headers
  if (origin === undefined || isProxied(path) || originAllowed(origin, origins)) return // an application judges its own
  const named = JSON.stringify(origin.slice(0, 200))
  throw new Fault('forbidden', `pages of the origin ${named} may not connect; cors.origins names those that may`, {
    details: { field: 'Origin' },
  })
}

/** A plain HTTP answer on the bare connection, which then ends. Returns its status. */
function answer(socket: Duplex, refusal: Refusal, requestId: string): number {
  const body = JSON.stringify(refusal.body)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-request-id': requestId,
    connection: 'close',
    ...refusal.headers,
    'content-length': String(Buffer.byteLength(body)),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const { status } = refusal
  socket.resume() // what still comes is dropped, or closing would reset the connection before the answer is read
  closeSoon(
    socket as Socket,
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`,
    LINGER_MS,
  ) // Node gives its own sockets
  return status
}
