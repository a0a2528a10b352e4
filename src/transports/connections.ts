// The connections of the front door: how many there may be, and which of them gives way. A connection is a stranger's
// until it has presented a valid credential. Strangers have places of their own and a share for each network, close
// when places are scarce, and give way to newcomers, the oldest first: so one who may call always gets in. What has
// presented a credential is left alone as long as any stranger is there.

import type { Socket } from 'node:net'
import type { Caller } from '../caller.ts'
import { Shares } from './connection-shares.ts'
import { networkOf } from './credentials/failed-attempts.ts'
import { STRANGER_IDLE_MS } from './patience.ts'

export interface Connections extends Disposable {
  /** A new connection. It is closed at once where nothing can give way to it. */
  take(socket: Socket): void
  /** An exchange begins. True: it is the connection's last one, unless its client turns out to be known. */
  begin(socket: Socket): boolean
  /** The exchange is over; for a WebSocket that never is. */
  end(socket: Socket): void
  /**
   * The client has presented a valid credential. Throws `rate_limited` where that one has its share of connections and
   * uses them all: the connection stays a stranger's.
   */
  know(socket: Socket, caller: Holder): void
  /** True while an exchange is under way. */
  busy(socket: Socket): boolean
}

/** The caller for which a connection counts. */
export type Holder = Pick<Caller, 'id' | 'scopes'>

/** The most that are of use: a gateway has some hundreds. Each takes about 14 KiB. */
const MOST = 16_384
/** Descriptors that connections leave to files, commands, threads and the log: half of a small limit. */
const RESERVE = 2048
const MOST_STRANGERS = 1024
/** Answers that a stranger's connection gets before it is closed: enough for probes, few for floods. */
const STRANGERS_ANSWERS = 32
/** A younger connection gives way only where there is no place at all: its first request may be on its way. */
const YOUNG_MS = 500
const SWEEP_MS = 1_000

/** How many connections a limit of open files allows. */
export function mostConnections(openFiles: number): number {
  return Math.max(16, Math.min(MOST, Math.floor(openFiles - Math.min(RESERVE, openFiles / 2))))
}

interface Entry {
  readonly socket: Socket
  readonly network: string
  readonly since: number
  /** Exchanges under way. */
  busy: number
  answers: number
  idleSince: number
  credential: string | undefined
}

/** The daemon begins to read from a new connection after this many turns of the loop, however many others come. */
const PATIENCE_TURNS = 500
/** Up to this many that wait are no flood: they are read from in their order. */
const FEW = 16
/** A turn that took longer was one of parsing: as much time goes to the others before the next one. */
const LONG_TURN_MS = 5

/**
 * Begins to read from new connections. The loop takes one from the kernel in each turn, and a first reading may hold
 * 64 KiB of requests, which take 15 ms to parse: so reading waits while others still come in, and then begins with the
 * oldest, and where many wait with the newest too, so that one who may call is not behind a flood.
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

export function openConnections(most: number): Connections {
  const arrive = openArrivals()
  const shares = new Shares<Entry>(most)
  const entries = new Map<Socket, Entry>()
  const strangers = new Strangers(Math.min(MOST_STRANGERS, Math.ceil(most / 2)))
  let sweeping: NodeJS.Timeout | undefined

  const scarce = (): boolean => strangers.scarce || entries.size * 4 > most * 3
  const forget = (entry: Entry): void => {
    entries.delete(entry.socket)
    strangers.delete(entry)
    shares.delete(entry)
  }
  const close = (entry: Entry | undefined): boolean => {
    if (entry === undefined) return false
    forget(entry)
    entry.socket.destroy()
    return true
  }
  const sweep = (): void => {
    const now = performance.now()
    for (const entry of strangers.beyondShare(now)) close(entry)
    if (scarce()) for (const entry of strangers.idle(now - STRANGER_IDLE_MS)) close(entry)
    if (scarce()) return
    clearInterval(sweeping)
    sweeping = undefined
  }

  return {
    take(socket) {
      const now = performance.now()
      const full = entries.size >= most
      if (full && !close(strangers.oldest()) && !close(longestIdle(entries.values()))) return void socket.destroy()
      const network = networkOf(socket.remoteAddress ?? '')
      const begun = { busy: 0, answers: 0, idleSince: now, credential: undefined }
      const entry: Entry = { socket, network, since: now, ...begun }
      entries.set(socket, entry)
      strangers.add(entry)
      socket.once('close', () => forget(entry))
      arrive(socket)
      if (scarce()) sweeping ??= setInterval(sweep, SWEEP_MS).unref()
    },
    begin(socket) {
      const entry = entries.get(socket)
      if (entry === undefined) return true
      entry.busy++
      entry.answers++
      return entry.credential === undefined && (entry.answers >= STRANGERS_ANSWERS || scarce())
    },
    end(socket) {
      const entry = entries.get(socket)
      if (entry === undefined) return
      entry.busy--
      entry.idleSince = performance.now()
    },
    know(socket, caller) {
      const entry = entries.get(socket)
      if (entry === undefined || entry.credential === caller.id) return
      if (entry.credential !== undefined) strangers.add(entry)
      entry.credential = undefined
      shares.add(entry, caller, close)
      strangers.delete(entry)
      entry.credential = caller.id
    },
    busy: (socket) => (entries.get(socket)?.busy ?? 0) > 0,
    [Symbol.dispose]: () => clearInterval(sweeping),
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

  /** The one that gives way first: one that is not being answered, where there is such a one near the beginning. */
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
   * Yields those that a network has beyond half of the places, and all beyond all places: the oldest, none that has
   * just come.
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
 * Where no stranger is left, of the credential with the most connections the one that has waited longest between two
 * requests: HTTP lets a server close those at any time, and one credential must not keep the others out.
 */
function longestIdle(entries: Iterable<Entry>): Entry | undefined {
  const all = [...entries]
  const counts = new Map<string, number>()
  for (const { credential = '' } of all) counts.set(credential, (counts.get(credential) ?? 0) + 1)
  const [most] = [...counts].toSorted(([, one], [, other]) => other - one)[0] ?? []
  const idle = all.filter(({ busy, credential }) => busy === 0 && credential === most)
  return idle.toSorted((one, other) => one.idleSince - other.idleSince)[0]
}
