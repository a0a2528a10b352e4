// A server with the upgrades and the hub of /ws alone. The test plays its terminals and watchers: it decides what they
// print and when they end, and reads what was typed into them.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Fault } from '../../src/base/fault.ts'
import { openLog } from '../../src/base/log.ts'
import { openCredentials } from '../../src/transports/credentials/credentials.ts'
import type { JwtOptions } from '../../src/transports/credentials/jwt.ts'
import { openConnections } from '../../src/transports/connections.ts'
import { openSocketHub, USUAL_RULES, type HubRules, type SocketHub } from '../../src/transports/socket/hub.ts'
import type {
  LiveTerminal,
  LiveTerminals,
  LiveWatchers,
  OutputCursor,
  WatcherEvents,
} from '../../src/transports/socket/channel.ts'
import type { WatcherEvent } from '../../src/workspace/watchers/watchers.ts'
import { openUnderWay } from '../../src/transports/under-way.ts'
import { isWebSocket, openUpgrades } from '../../src/transports/upgrade.ts'
import { openTargets } from '../../src/workspace/targets.ts'
import { TOKEN } from './daemon.ts'

/** A terminal that keeps all its output; the last `ring` bytes can be read, or more while a client holds them. */
export class PlayedTerminal implements LiveTerminal {
  readonly id: number
  readonly life: string
  readonly ring: number
  readonly wakes = new Set<() => void>()
  readonly typed: string[] = []
  readonly sizes: string[] = []
  output = Buffer.alloc(0)
  exitCode: number | undefined
  attached = 0

  constructor(id: number, ring = Infinity, life = `life-of-${id}`) {
    this.id = id
    this.life = life
    this.ring = ring
  }

  print(bytes: string | Buffer): void {
    this.output = Buffer.concat([this.output, Buffer.from(bytes)])
    for (const wake of this.wakes) wake()
  }

  exit(code: number): void {
    this.exitCode = code
    for (const wake of this.wakes) wake()
  }

  attach({ since, wake }: { since: number | undefined; wake: () => void }): OutputCursor {
    return new PlayedCursor(this, since, wake)
  }

  input(bytes: Uint8Array): void {
    if (this.exitCode !== undefined) throw new Fault('conflict', `terminal ${this.id} has ended`)
    this.typed.push(Buffer.from(bytes).toString())
  }

  resize(cols: number, rows: number): void {
    this.sizes.push(`${cols}x${rows}`)
  }
}

class PlayedCursor implements OutputCursor {
  readonly #terminal: PlayedTerminal
  readonly #wake: () => void
  position: number

  constructor(terminal: PlayedTerminal, since: number | undefined, wake: () => void) {
    this.#terminal = terminal
    this.#wake = wake
    this.position = Math.max(since !== undefined && since <= this.end ? since : 0, this.#oldest)
    terminal.wakes.add(wake)
    terminal.attached++
  }

  get end(): number {
    return this.#terminal.output.length
  }

  get #oldest(): number {
    return Math.max(0, this.end - this.#terminal.ring)
  }

  get exitCode(): number | undefined {
    return this.#terminal.exitCode
  }

  prelude(offset: number): Buffer {
    return Buffer.from(offset === 0 ? '' : `state before ${offset}`)
  }

  read(most: number): { offset: number; bytes: Buffer; gap: number } | undefined {
    const offset = Math.max(this.position, this.#oldest)
    const bytes = this.#terminal.output.subarray(offset, offset + most)
    if (bytes.length === 0) return undefined
    const gap = offset - this.position
    this.position = offset + bytes.length
    return { offset, bytes, gap }
  }

  [Symbol.dispose](): void {
    this.#terminal.wakes.delete(this.#wake)
    this.#terminal.attached--
  }
}

export class PlayedTerminals implements LiveTerminals {
  readonly #known = new Map<number, PlayedTerminal>()
  readonly #listeners = new Set<(terminal: LiveTerminal) => void>()

  create(id: number, ring?: number, life?: string): PlayedTerminal {
    const terminal = new PlayedTerminal(id, ring, life)
    this.#known.set(id, terminal)
    for (const listener of this.#listeners) listener(terminal)
    return terminal
  }

  list(): Iterable<PlayedTerminal> {
    return this.#known.values()
  }

  async delete(id: number): Promise<void> {
    const terminal = this.#known.get(id)
    if (terminal === undefined) throw new Fault('not_found', `terminal ${id} is unknown`)
    this.#known.delete(id)
    terminal.exit(129)
  }

  onCreated(listener: (terminal: LiveTerminal) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }
}

export class PlayedWatchers implements LiveWatchers {
  readonly ready: WatcherEvent[] = []
  readonly #queues = new Set<{ readonly events: WatcherEvent[]; told: boolean; readonly readable: () => void }>()

  tell(event: WatcherEvent): void {
    for (const queue of this.#queues) {
      queue.events.push(event)
      if (queue.told) continue
      queue.told = true
      queue.readable()
    }
  }

  get subscribers(): number {
    return this.#queues.size
  }

  subscribe(readable: () => void): WatcherEvents {
    const queue = { events: [...this.ready], told: true, readable }
    this.#queues.add(queue)
    return {
      take() {
        const event = queue.events.shift()
        if (event === undefined) queue.told = false
        return event
      },
      [Symbol.dispose]: () => void this.#queues.delete(queue),
    }
  }
}

export interface SocketServer {
  readonly port: number
  readonly url: string
  readonly hub: SocketHub
  readonly terminals: PlayedTerminals
  readonly watchers: PlayedWatchers
}

interface Owner {
  teardown(handler: () => Promise<void>): unknown
}

export interface ServerOptions {
  readonly rules?: Partial<HubRules>
  readonly origins?: readonly string[]
  readonly jwt?: JwtOptions
  readonly failedAuthPerSecond?: number
  /** Real terminals and watchers instead of those that the test plays. */
  readonly live?: { readonly terminals?: LiveTerminals; readonly watchers?: LiveWatchers }
}

/** Opens the server. Its `url` has no token: add one in the query or in a header. */
export async function openSocketServer(t: Owner, options: ServerOptions = {}): Promise<SocketServer> {
  const log = openLog('silent')
  const terminals = new PlayedTerminals()
  const watchers = new PlayedWatchers()
  const hub = openSocketHub({ terminals, watchers, log, ...options.live }, { ...USUAL_RULES, ...options.rules })
  const { jwt, failedAuthPerSecond = 0 } = options
  const credentials = await openCredentials({ token: TOKEN, jwt, failedAuthPerSecond })
  const targets = openTargets({ far: { url: 'http://127.0.0.1:1', token: 'x' } })
  const server = createServer({ shouldUpgradeCallback: isWebSocket })
  const origins = { origins: options.origins ?? [], allowedHosts: [], bound: '127.0.0.1', port: 0 }
  const upgrades = openUpgrades(
    { credentials, targets, log, handlers: { '/ws': { upgrade: hub.accept } } },
    { origins, underWay: openUnderWay(), connections: openConnections(1024) },
    false,
  )
  server.on('upgrade', upgrades.take)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  origins.port = port
  t.teardown(async () => {
    await hub[Symbol.asyncDispose]()
    upgrades[Symbol.dispose]()
    await credentials[Symbol.asyncDispose]()
    server.close()
    server.closeAllConnections()
  })
  return { port, url: `ws://127.0.0.1:${port}/ws`, hub, terminals, watchers }
}
