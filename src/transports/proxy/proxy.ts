// The proxy to loopback ports (protocol.md#proxy): admits callers, refuses the daemon's own ports, and keeps the open
// tunnels. An exchange or a tunnel counts against its credential's calls for as long as it lasts. The proxy connects to
// no application before the credential has been checked (L-04).

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
  /** Passes on one HTTP exchange. Throws a Fault while nothing has been sent. */
  answer(exchange: Exchange): Promise<void>
  /** Passes on one WebSocket. Throws a Fault while it is plain HTTP; resolves with the application's status. */
  readonly upgrade: UpgradeRoute
  /** Refuses a port as a target, since the daemon itself listens on it (L-02). */
  refusePort(port: number): void
  /** Closes every tunnel for good, including those in their handshake. */
  closeTunnels(): void
  readonly tunnels: number
}

const USUAL_WAITS: ProxyWaits = { connectMs: 5_000, firstByteMs: 60_000 }

/** Milliseconds between two checks for tunnels of expired JWTs. */
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
      const client = connection.socket as Socket // Node's server gives a net.Socket
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

/** The open tunnels by the client's socket. A tunnel ends with its credential; all end when the daemon stops. */
class Tunnels implements Disposable {
  readonly #callers = new Map<Socket, Caller>()
  readonly #watch = onRevoked((revoked) => {
    for (const [socket, caller] of this.#callers) if (caller.revoked === revoked) socket.destroy()
  })
  /** Timer of the expiry check; runs while there are tunnels. */
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

  /** Closes all tunnels, and each later one when its handshake ends. */
  close(): void {
    this.#open = false
    for (const socket of this.#callers.keys()) socket.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
    clearInterval(this.#clock)
  }

  /** Closes tunnels whose credential has expired by the wall clock, which JWTs use. */
  #closeExpired(): void {
    for (const [socket, { expiresAt = Infinity }] of this.#callers) {
      if (Date.now() > expiresAt + EXPIRY_GRACE_MS) socket.destroy()
    }
  }
}

/**
 * Returns the port of Node's inspector if an operator has opened it: the inspector runs any code that it is sent. A
 * start does not load the module.
 */
function inspectorPort(): number | undefined {
  const url = process.getBuiltinModule('node:inspector').url()
  return url === undefined ? undefined : Number(new URL(url).port)
}

interface TunnelLife {
  opened(): void
  ended(): void
}

/** Asks for the upgrade and passes the answer on. Resolves with the status; an open tunnel lives on after that. */
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

/** Created once, since no client is left to read it. */
const LEFT = new Fault('unavailable', 'the client has left')
