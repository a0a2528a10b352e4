// The connections of the server: how many there may be, and which of them gives way. A connection is a stranger's until
// it has presented a valid credential. Strangers have separate places and a share for each network, are closed when
// places are scarce, and give way to newcomers, the oldest first: so a client that may call always gets in. A
// connection that has presented a credential is left alone as long as there is any stranger.

import type { Socket } from 'node:net'
import type { Caller } from '../caller.ts'
import { Shares } from './connection-shares.ts'
import { networkOf } from './credentials/failed-attempts.ts'
import { STRANGER_IDLE_MS } from './patience.ts'

export interface Connections extends Disposable {
  /** Takes a new connection. It is closed at once if no other can give way. */
  take(socket: Socket): void
  /** Notes the begin of an exchange. True: it is the connection's last one, unless its client turns out to be known. */
  begin(socket: Socket): boolean
  /** Notes the end of an exchange; never called for a WebSocket. */
  end(socket: Socket): void
  /**
   * Notes that the client has presented a valid credential. Throws `rate_limited` if that credential has its share of
   * connections and uses them all: the connection stays a stranger's.
   */
  know(socket: Socket, caller: Holder): void
  /** True during an exchange. */
  busy(socket: Socket): boolean
}

/** The caller for which a connection counts. */
export type Holder = Pick<Caller, 'id' | 'scopes'>

/** Connections that are of use at most: a gateway has some hundreds. Each takes about 14 KiB. */
const MOST = 16_384
/** Descriptors that connections leave to files, commands, threads and the log: half of a small limit. */
const RESERVE = 2048
const MOST_STRANGERS = 1024
/** Answers that a stranger's connection gets before it is closed: enough for probes, few for floods. */
const STRANGERS_ANSWERS = 32
/** Age below which a connection gives way only if there is no place at all: its first request may be on its way. */
const YOUNG_MS = 500
const SWEEP_MS = 1_000

/** Returns the number of connections that a limit of open files allows. */
export function mostConnections(openFiles: number): number {
  return Math.max(16, Math.min(MOST, Math.floor(openFiles - Math.min(RESERVE, openFiles / 2))))
}

interface Entry {
  readonly socket: Socket
  readonly network: string
  readonly since: number
  /** Exchanges in progress. */
  busy: number
  answers: number
  idleSince: number
  credential: string | undefined
}

/** Turns of the loop after which the daemon begins to read from a new connection, however many others come. */
const PATIENCE_TURNS = 500
/** Waiting connections that are no flood: the daemon reads from them in their order. */
const FEW = 16
/** Length of a turn that counts as one of parsing: as much time goes to the others before the next one. */
const LONG_TURN_MS = 5

/**
 * Begins to read from new connections. The loop takes one from the kernel in each turn, and a first read may bring 64
 * KiB of requests, which take 15 ms to parse: so reading waits while others still come in, and then begins with the
 * oldest, and if many wait with the newest too, so that a client with a credential is not behind a flood.
 */
function openArrivals(): (socket: Socket) => void {
  const arrived: { readonly socket: Socket; readonly turn: number }[] = []
  let turn = 0
  let came = false
  let read = 0
  const admit = (): void => {
    turn++
    const oldest = arrived[0]?.turn ?? turn
    const spent = read === 0 ? 0 : performance.now() - read
    read = 0
    if (spent > LONG_TURN_MS && arrived.length > 0) return void setTimeout(admit, spent)
    if (!came || turn - oldest > PATIENCE_TURNS) {
      if (arrived.length > FEW) arrived.pop()?.socket.resume()
      arrived.shift()?.socket.resume()
      read = performance.now()
    }
    came = false
    if (arrived.length > 0) setImmediate(admit)
    else read = 0
  }
  return (socket) => {
    came = true
    process.nextTick(() => socket.pause()) // Node's own listener has a resume pending, which comes first
    if (arrived.push({ socket, turn }) === 1) setImmediate(admit)
  }
}

/** `most`: connections at once. */
export function openConnections(most: number): Connections {
  return new ConnectionTable(most)
}

class ConnectionTable implements Connections {
  readonly #most: number
  readonly #arrive = openArrivals()
  readonly #shares: Shares<Entry>
  readonly #entries = new Map<Socket, Entry>()
  readonly #strangers: Strangers
  /** Timer that runs while places are scarce. */
  #sweeping: NodeJS.Timeout | undefined

  constructor(most: number) {
    this.#most = most
    this.#shares = new Shares(most)
    this.#strangers = new Strangers(Math.min(MOST_STRANGERS, Math.ceil(most / 2)))
  }

  take(socket: Socket): void {
    const now = performance.now()
    if (this.#entries.size >= this.#most && !this.#makePlace()) return void socket.destroy()
    const network = networkOf(socket.remoteAddress ?? '')
    const begun = { busy: 0, answers: 0, idleSince: now, credential: undefined }
    const entry: Entry = { socket, network, since: now, ...begun }
    this.#entries.set(socket, entry)
    this.#strangers.add(entry)
    socket.once('close', () => this.#forget(entry))
    this.#arrive(socket)
    if (this.#isScarce()) this.#sweeping ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  begin(socket: Socket): boolean {
    const entry = this.#entries.get(socket)
    if (entry === undefined) return true
    entry.busy++
    entry.answers++
    return entry.credential === undefined && (entry.answers >= STRANGERS_ANSWERS || this.#isScarce())
  }

  end(socket: Socket): void {
    const entry = this.#entries.get(socket)
    if (entry === undefined) return
    entry.busy--
    entry.idleSince = performance.now()
  }

  know(socket: Socket, caller: Holder): void {
    const entry = this.#entries.get(socket)
    if (entry === undefined || entry.credential === caller.id) return
    if (entry.credential !== undefined) this.#strangers.add(entry)
    entry.credential = undefined
    this.#shares.add(entry, caller, (one) => this.#close(one))
    this.#strangers.delete(entry)
    entry.credential = caller.id
  }

  busy(socket: Socket): boolean {
    return (this.#entries.get(socket)?.busy ?? 0) > 0
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweeping)
  }

  #isScarce(): boolean {
    return this.#strangers.scarce || this.#entries.size * 4 > this.#most * 3
  }

  /** Closes the connection that gives way; returns false if none can. */
  #makePlace(): boolean {
    const entry = this.#strangers.oldest() ?? longestIdle(this.#entries.values())
    if (entry !== undefined) this.#close(entry)
    return entry !== undefined
  }

  #close(entry: Entry): void {
    this.#forget(entry)
    entry.socket.destroy()
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.socket)
    this.#strangers.delete(entry)
    this.#shares.delete(entry)
  }

  #sweep(): void {
    const now = performance.now()
    for (const entry of this.#strangers.beyondShare(now)) this.#close(entry)
    if (this.#isScarce()) for (const entry of this.#strangers.idle(now - STRANGER_IDLE_MS)) this.#close(entry)
    if (this.#isScarce()) return
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }
}

/** The connections without a credential, the oldest first, all together and by network. */
class Strangers {
  readonly #most: number
  readonly #all = new Set<Entry>()
  readonly #networks = new Map<string, Set<Entry>>()

  constructor(most: number) {
    this.#most = most
  }

  get scarce(): boolean {
    return this.#all.size * 2 > this.#most
  }

  add(entry: Entry): void {
    this.#all.add(entry)
    const same = this.#networks.get(entry.network) ?? new Set()
    this.#networks.set(entry.network, same.add(entry))
  }

  delete(entry: Entry): void {
    if (!this.#all.delete(entry)) return
    const same = this.#networks.get(entry.network)
    same?.delete(entry)
    if (same?.size === 0) this.#networks.delete(entry.network)
  }

  /** Returns the one that gives way first: an idle one, if there is one near the beginning. */
  oldest(): Entry | undefined {
    let first: Entry | undefined
    let looks = 0
    for (const entry of this.#all) {
      if (entry.busy === 0) return entry
      first ??= entry
      if (++looks === 64) break
    }
    return first
  }

  /**
   * Yields connections that a network has beyond half of the places, and all beyond all places: the oldest first, and
   * none that has just come.
   */
  *beyondShare(now: number): Generator<Entry> {
    for (const same of [...this.#networks.values(), this.#all]) {
      let surplus = same.size - (same === this.#all ? this.#most : Math.ceil(this.#most / 2))
      for (const entry of same) {
        if (surplus <= 0 || now - entry.since < YOUNG_MS) break
        if (entry.busy > 0) continue
        surplus--
        yield entry
      }
    }
  }

  *idle(before: number): Generator<Entry> {
    for (const entry of this.#all) if (entry.busy === 0 && entry.idleSince < before) yield entry
  }
}

/**
 * Returns the connection that gives way if no stranger is left: of the credential with the most connections the one
 * that has waited longest between two requests. HTTP lets a server close those at any time, and one credential must not
 * keep the others out.
 */
function longestIdle(entries: Iterable<Entry>): Entry | undefined {
  const all = [...entries]
  const counts = new Map<string, number>()
  for (const { credential = '' } of all) counts.set(credential, (counts.get(credential) ?? 0) + 1)
  const [most] = [...counts].toSorted(([, one], [, other]) => other - one)[0] ?? []
  const idle = all.filter(({ busy, credential }) => busy === 0 && credential === most)
  return idle.toSorted((one, other) => one.idleSince - other.idleSince)[0]
}
