// The clients of /ws. The hub admits clients, lets a new one replace older clients of its credential, gives each the
// existing and the new terminals, and runs the clock that finds dead clients.

import type { IncomingMessage } from 'node:http'
import type { WebSocket, WebSocketServer } from 'ws'
import { mayUse, onRevoked, type Caller } from '../../caller.ts'
import { Fault, quote } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import { Client } from './client.ts'
import { FramePool, type LiveTerminals, type LiveWatchers } from './channel.ts'
import { CHUNK_BYTES } from './frames.ts'
import { FROM_BIRTH, readOptions, type SocketOptions } from './options.ts'
import type { UpgradeConnection, UpgradeRoute } from '../upgrade.ts'
import { Replacements } from './replacements.ts'

/** Bytes of a client's largest message: input is typed or pasted. */
const MESSAGE_BYTES = 1024 * 1024
/** Frames that one message may consist of. */
const FRAGMENTS = 4_096
/** Time for a client to read up to the close frame and answer it. */
const CLOSE_MS = 20_000
const SOCKET_OPTIONS = {
  noServer: true,
  clientTracking: true,
  perMessageDeflate: false,
  maxPayload: MESSAGE_BYTES,
  maxFragments: FRAGMENTS,
  autoPong: false, // openPongs answers
  closeTimeout: CLOSE_MS,
}
/** Time for clients to answer the close frame when the daemon stops. */
const GOING_MS = 2_000
/** Sockets per credential: enough for a team with one token. Each takes some 60 KiB at rest. */
export const SOCKETS_PER_CREDENTIAL = 1_024

export interface HubParts {
  readonly terminals: LiveTerminals
  readonly watchers: LiveWatchers
  readonly log: Log
}

export interface HubRules {
  /** Mode of a client that names none (protocol.md#websocket). */
  readonly mode: SocketOptions['mode']
  readonly socketsPerCredential: number
  /** Milliseconds of a tick; 1,000 except in tests. */
  readonly tickMs: number
}

export const USUAL_RULES: HubRules = { mode: 'replace', socketsPerCredential: SOCKETS_PER_CREDENTIAL, tickMs: 1_000 }

export interface SocketHub extends AsyncDisposable {
  /** Turns the request into a client. Throws a Fault, while it is still plain HTTP, if it is not admitted. */
  readonly accept: UpgradeRoute
  /** Closes every client with 1001 and admits no further one (C-01). Resolves when all have left. */
  goAway(): Promise<void>
  readonly size: number
}

export function openSocketHub(parts: HubParts, rules: HubRules = USUAL_RULES): SocketHub {
  const { terminals, watchers, log } = parts
  const clients = new Map<Client, Caller>()
  const viewing = new Set<Client>()
  const replacements = new Replacements()
  let open = true
  const pool = new FramePool(1 + CHUNK_BYTES)
  let server: Promise<WebSocketServer> | undefined

  const created = terminals.onCreated((terminal) => {
    for (const client of viewing) client.attach(terminal, FROM_BIRTH)
  })
  /** Timer of the ticks; runs while there are clients. */
  let clock: NodeJS.Timeout | undefined
  const tick = (): void => {
    for (const client of clients.keys()) client.tick()
  }
  const rivals = (id: string): Client[] =>
    [...clients].flatMap(([client, caller]) =>
      caller.id === id && client.mode === 'replace' && client.isOpen ? [client] : [],
    )
  const left = (client: Client, id: string): void => {
    clients.delete(client)
    viewing.delete(client)
    if (rivals(id).length === 0) replacements.forget(id)
    if (clients.size > 0) return
    clearInterval(clock)
    clock = undefined
  }

  /** Closes clients of a revoked credential at once, with the code of an expired one (protocol.md#jwt). */
  const watch = onRevoked((revoked) => {
    for (const [client, caller] of clients) if (caller.revoked === revoked) client.close(4401, 'the token was changed')
  })

  const watchersFor = (caller: Caller): LiveWatchers => ({
    subscribe: (readable) => watchers.subscribe(readable, caller.scopes !== 'all'),
  })
  const admit = (caller: Caller): void => {
    if (!open) throw new Fault('unavailable', 'the daemon is stopping and takes no new sockets', { retryAfter: 5 })
    if (!mayUse(caller, 'terminal') && !mayUse(caller, 'watch')) {
      const details = { scope: 'terminal' }
      throw new Fault('forbidden', 'this credential allows neither terminals nor watchers', { details })
    }
    const held = clients.values().reduce((sum, { id }) => sum + (id === caller.id ? 1 : 0), 0)
    if (held < rules.socketsPerCredential) return
    const details = { limit: rules.socketsPerCredential, unit: 'sockets' }
    const sentence = `this credential has ${held} sockets open; that is the most accepted`
    throw new Fault('rate_limited', sentence, { details, retryAfter: 1 })
  }

  const welcome = (socket: WebSocket, caller: Caller, options: SocketOptions): void => {
    const older = options.mode === 'replace' ? rivals(caller.id) : []
    const views = mayUse(caller, 'terminal')
    const client: Client = new Client({
      socket,
      options,
      terminals: views ? terminals : undefined,
      watchers: mayUse(caller, 'watch') ? watchersFor(caller) : undefined,
      expiresAt: caller.expiresAt,
      pool,
      log,
      onGone: () => left(client, caller.id),
    })
    clients.set(client, caller)
    // The new client counts already: the credential has a socket all the time.
    const replaces = older.length > 0 && replacements.take(caller.id, performance.now())
    if (replaces) for (const one of older) one.close(4000, 'replaced')
    clock ??= setInterval(tick, rules.tickMs)
    watch(caller)
    if (!views || !clients.has(client)) return
    viewing.add(client)
    for (const terminal of terminals.list()) client.attach(terminal)
  }

  /** Lets the next client load `ws` again after a failure, such as no free descriptor (Z-01). */
  const again = (error: unknown): never => {
    server = undefined
    throw error
  }

  return {
    async accept(request: IncomingMessage, { socket, head, caller, query }: UpgradeConnection) {
      const handshakes = await (server ??= openHandshakes().catch(again))
      admit(caller)
      checkHandshake(request)
      const options = readOptions(query, rules.mode)
      handshakes.handleUpgrade(request, socket, head, (webSocket) => welcome(webSocket, caller, options))
    },
    async goAway() {
      open = false
      for (const client of clients.keys()) client.close(1001, 'the daemon is stopping')
      const sockets = (await server)?.clients ?? new Set<WebSocket>()
      const cut = setTimeout(() => sockets.forEach((socket) => socket.terminate()), GOING_MS)
      await Promise.all(Array.from(sockets, closed))
      clearTimeout(cut)
    },
    get size() {
      return clients.size
    },
    async [Symbol.asyncDispose]() {
      created[Symbol.dispose]()
      await this.goAway()
    },
  }
}

/** Loads `ws` with the first client, so that a start does not pay for it. */
async function openHandshakes(): Promise<WebSocketServer> {
  const { WebSocketServer } = await import('ws')
  return new WebSocketServer(SOCKET_OPTIONS)
}

async function closed(socket: WebSocket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('close', () => resolve())
  await promise
}

/**
 * Throws a Fault if the upgrade is no WebSocket handshake of RFC 6455 (4.2.1). Called after the credential is checked
 * and before the connection is handed over: the refusal is still answered as plain HTTP.
 */
function checkHandshake(request: Pick<IncomingMessage, 'method' | 'headers'>): void {
  const { method, headers } = request
  if (method !== 'GET') throw new Fault('bad_request', `a WebSocket is opened with GET, not with ${method ?? ''}`)
  const version = headers['sec-websocket-version']
  if (version !== '13') {
    throw new Fault('upgrade_required', `Sec-WebSocket-Version is ${quote(version ?? null)}; accepted is 13`)
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) {
    throw new Fault('bad_request', 'Sec-WebSocket-Key must be the base64 of 16 bytes')
  }
}
