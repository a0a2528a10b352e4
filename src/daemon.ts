// What the process as a whole knows of itself and tells in /metrics and /health/detail: counts, its event loop, what
// is wrong with its surroundings. Opened by serve, handed to calls by the gate. Readings are taken when somebody
// asks, so that a daemon at rest does nothing for them.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { CallTally, type ResponseTally } from './base/tally.ts'

/** Gauges of parts that operations do not reach; those not open yet count nothing. */
export interface Gauges {
  /** Calls in progress, proxied exchanges among them. */
  calls: () => number
  /** Connections of the front door, sockets among them. */
  connections: () => Promise<number>
  /** Clients of /ws. */
  sockets: () => number
  logLinesDropped: () => number
}

export interface DaemonOptions {
  readonly stateDirectory: string
  /** What the configuration allows at most, by its key. */
  readonly limits: Readonly<Record<string, number>>
  /** What was found wrong at the start, a sentence each. */
  readonly problems: readonly string[]
}

export interface Daemon extends DaemonOptions, Disposable {
  readonly calls: CallTally
  readonly responses: ResponseTally
  readonly gauges: Gauges
  readonly loop: LoopMonitor
  clockJumps: number
}

export function openDaemon(options: DaemonOptions): Daemon {
  const loop = new LoopMonitor()
  return {
    ...options,
    calls: new CallTally(),
    responses: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 },
    gauges: { calls: none, connections: () => Promise.resolve(0), sockets: none, logLinesDropped: none },
    loop,
    clockJumps: 0,
    [Symbol.dispose]: () => loop[Symbol.dispose](),
  }
}

const none = (): number => 0

/** Delays of the event loop, in seconds. */
export interface LoopReading {
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** What part of the time the loop has worked, 0 to 1, since the reading before. */
  readonly utilization: number
}

type Delays = ReturnType<typeof monitorEventLoopDelay>

/** How often the delay is measured while somebody wants to know. */
const RESOLUTION_MS = 20
/** Nobody has asked for so long: measuring ends until the next question. */
const FORGOTTEN_MS = 300_000

/**
 * Measures from one question to the next. Fifty wake-ups a second are nothing for a daemon that is watched and too
 * much for one that is not; so the first question has no delays to tell.
 */
export class LoopMonitor implements Disposable {
  #delays: Delays | undefined
  #forget: NodeJS.Timeout | undefined
  #before = performance.eventLoopUtilization()

  read(): LoopReading {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, this.#before)
    this.#before = now
    const delays = this.#measuring()
    // What is recorded is the whole interval: the delay is what goes beyond it. Nanoseconds.
    const beyond = (ns: number): number => (delays.count === 0 ? 0 : Math.max(0, ns / 1e9 - RESOLUTION_MS / 1000))
    const { max } = delays
    const reading = { p50: beyond(delays.percentile(50)), p99: beyond(delays.percentile(99)), max: beyond(max) }
    delays.reset()
    return { ...reading, utilization }
  }

  #measuring(): Delays {
    clearTimeout(this.#forget)
    this.#forget = setTimeout(() => this[Symbol.dispose](), FORGOTTEN_MS).unref()
    if (this.#delays !== undefined) return this.#delays
    this.#delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#delays.enable()
    return this.#delays
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#forget)
    this.#delays?.disable()
    this.#delays = undefined
  }
}
