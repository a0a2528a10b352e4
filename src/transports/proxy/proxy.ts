// The proxy to loopback ports (protocol.md#proxy): whom it admits, which ports it refuses, and the tunnels that are
// open. An exchange or a tunnel counts against its credential's calls for as long as it lasts, and nothing is asked of
// an application before the credential has been judged (L-04).

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { onRevoked, type Caller } from '../../caller.ts'
import { Fault } from '../../base/fault.ts'
import type { Admission, Gate } from '../../invoke.ts'
import { hasBody } from '../body.ts'
import { EXPIRY_GRACE_MS } from '../patience.ts'
import type { Exchange } from '../rest.ts'
import { isWebSocket, type UpgradeConnection, type UpgradeRoute } from '../upgrade.ts'
import {
  badGateway,
  firstAnswer,
  openRequest,
  passExchange,
  type ProxyWaits,
  connectTo,
  keepAlive,
} from './exchange.ts'
import { readTarget, TARGET_HEADER, type ProxiedTarget } from './target.ts'
import { join, passRefusal } from './tunnel.ts'

export interface Proxy extends Disposable {
  /** One HTTP exchange. Throws a Fault while nothing has been sent. */
  answer(exchange: Exchange): Promise<void>
  /** One WebSocket. Throws a Fault while it is plain HTTP; returns the status the application answered. */
  readonly upgrade: UpgradeRoute
  /** A port that the daemon itself listens on: never a target (L-02). */
  refusePort(port: number): void
  /** Closes every tunnel for good, those too whose handshake is on its way. */
  closeTunnels(): void
  readonly tunnels: number
}

const USUAL_WAITS: ProxyWaits = { connectMs: 5_000, firstByteMs: 60_000 }

/** How often the tunnels of expired JWTs are looked for. */
const TICK_MS = 5_000

const ADMISSION: Admission = { name: 'the proxy', scope: 'proxy' }

export function openProxy(gate: Gate, waits: ProxyWaits = USUAL_WAITS): Proxy {
  const ownPorts = new Set<number>()
  const tunnels = new Tunnels()
  const targetOf = (request: IncomingMessage): ProxiedTarget => {
    const target = readTarget(request.url ?? '', request.headersDistinct[TARGET_HEADER] ?? [])
    const { port } = target.destination
    if (!ownPorts.has(port) && port !== inspectorPort()) return target
    throw new Fault('forbidden', `port ${port} is the daemon's own and is not proxied`, { details: { port } })
  }

  return {
    async answer(exchange) {
      const target = targetOf(exchange.request)
      const leave = gate.enter(ADMISSION, exchange.caller)
      try {
        await passExchange(exchange, target, waits)
      } finally {
        leave()
      }
    },
    async upgrade(request, connection) {
      if (request.method !== 'GET' || hasBody(request)) {
        throw new Fault('bad_request', 'a WebSocket is opened with GET and without a body')
      }
      const target = targetOf(request)
      const leave = gate.enter(ADMISSION, connection.caller)
      const client = connection.socket as Socket // Node gives its own sockets
      const tunnel = {
        opened: () => tunnels.add(client, connection.caller),
        ended() {
          tunnels.delete(client)
          leave()
        },
      }
      let status = 0
      try {
        status = await passUpgrade(request, { ...connection, socket: client }, target, { waits, tunnel })
      } finally {
        if (status !== 101) leave()
      }
      return status
    },
    refusePort: (port) => void ownPorts.add(port),
    closeTunnels: () => tunnels.close(),
    get tunnels() {
      return tunnels.size
    },
    [Symbol.dispose]: () => tunnels[Symbol.dispose](),
  }
}

/** The open tunnels by the client's socket. One ends with its credential, and all when the daemon stops. */
class Tunnels implements Disposable {
  readonly #callers = new Map<Socket, Caller>()
  readonly #watch = onRevoked((revoked) => {
    for (const [socket, caller] of this.#callers) if (caller.revoked === revoked) socket.destroy()
  })
  /** Runs while there are tunnels. */
  #clock: NodeJS.Timeout | undefined
  #open = true

  get size(): number {
    return this.#callers.size
  }

  add(socket: Socket, caller: Caller): void {
    this.#callers.set(socket, caller)
    this.#watch(caller)
    this.#clock ??= setInterval(() => this.#closeExpired(), TICK_MS)
    if (!this.#open) socket.destroy()
  }

  delete(socket: Socket): void {
    this.#callers.delete(socket)
    if (this.#callers.size > 0) return
    clearInterval(this.#clock)
    this.#clock = undefined
  }

  /** Closes all, and from now on those whose handshake is on its way. */
  close(): void {
    this.#open = false
    for (const socket of this.#callers.keys()) socket.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
    clearInterval(this.#clock)
  }

  /** By the wall clock, as JWTs are. */
  #closeExpired(): void {
    for (const [socket, { expiresAt = Infinity }] of this.#callers) {
      if (Date.now() > expiresAt + EXPIRY_GRACE_MS) socket.destroy()
    }
  }
}

/**
 * Returns the port of Node's inspector where an operator has opened it: it runs any code that it is sent. A start does
 * not load it.
 */
function inspectorPort(): number | undefined {
  const url = process.getBuiltinModule('node:inspector').url()
  return url === undefined ? undefined : Number(new URL(url).port)
}

interface TunnelLife {
  opened(): void
  ended(): void
}

/** Asks for the upgrade and passes on what comes of it. Resolves with the status; a tunnel then lives by itself. */
async function passUpgrade(
  request: IncomingMessage,
  { socket: client, head }: UpgradeConnection & { readonly socket: Socket },
  target: ProxiedTarget,
  { waits, tunnel: life }: { readonly waits: ProxyWaits; readonly tunnel: TunnelLife },
): Promise<number> {
  const gone = new AbortController()
  const left = (): void => gone.abort(LEFT)
  client.once('close', left)
  const upstream = await connectTo(target.destination, waits.connectMs, gone.signal)
  const cut = (): void => void upstream.destroy()
  client.once('close', cut)
  try {
    const outgoing = openRequest(request, target, { upstream, upgrade: true })
    outgoing.end()
    const { reply, tunnel } = await firstAnswer(request, outgoing, target, waits.firstByteMs)
    if (tunnel === undefined) {
      const status = await passRefusal(reply, client)
      upstream.destroy()
      return status
    }
    if (!isWebSocket(reply)) throw badGateway(target.destination.authority, new Error('101 to another protocol'))
    if (client.destroyed) throw LEFT
    client.setNoDelay(true)
    keepAlive(client)
    life.opened()
    join(client, head, { reply, ...tunnel }, () => life.ended())
    return 101
  } catch (error) {
    upstream.destroy()
    throw error
  } finally {
    client.off('close', left).off('close', cut)
  }
}

/** Made once, as no client is there to read it. */
const LEFT = new Fault('unavailable', 'the client has left')
