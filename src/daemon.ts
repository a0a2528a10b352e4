// What the process as a whole knows of itself and tells in /metrics and /health/detail: counts, its event loop, what
// is wrong with its surroundings. Opened by serve, handed to calls by the gate. Readings are taken when somebody
// asks, so that a daemon at rest does nothing for them.

import { monitorEventLoopDelay, type EventLoopUtilization } from 'node:perf_hooks'
import type { Conditions } from './base/conditions.ts'
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
  readonly conditions: Conditions
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

/** Delays of the event loop, in seconds, of the last one to two minutes. */
export interface LoopReading {
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** What part of that time the loop has worked, 0 to 1. */
  readonly utilization: number
}

/** What is measured since `began`. */
interface LoopWindow {
  readonly delays: ReturnType<typeof monitorEventLoopDelay>
  readonly began: EventLoopUtilization
}

/** How often the delay is measured while somebody wants to know. */
const RESOLUTION_MS = 20
const WINDOW_MS = 60_000
/** So many windows without a question: measuring ends until the next. */
const FORGOTTEN_WINDOWS = 5

/**
 * Two windows are open, the younger since half the time of the older. A reading is what the older one has measured, and
 * changes nothing: those who read, each in their own rhythm, take nothing from each other. Fifty wake-ups a second are nothing for a daemon that is
 * watched and too much for one that is not; so the first question has no delays to tell.
 */
export class LoopMonitor implements Disposable {
  #older: LoopWindow | undefined
  #younger: LoopWindow | undefined
  #timer: NodeJS.Timeout | undefined
  /** Windows begun since the last question. */
  #unasked = 0

  read(): LoopReading {
    this.#unasked = 0
    this.#older ??= openWindow()
    this.#timer ??= setInterval(() => this.#turn(), WINDOW_MS).unref()
    const { delays, began } = this.#older
    // What is recorded is the whole interval: the delay is what goes beyond it. Nanoseconds.
    const beyond = (ns: number): number => (delays.count === 0 ? 0 : Math.max(0, ns / 1e9 - RESOLUTION_MS / 1000))
    return {
      p50: beyond(delays.percentile(50)),
      p99: beyond(delays.percentile(99)),
      max: beyond(delays.max),
      utilization: performance.eventLoopUtilization(performance.eventLoopUtilization(), began).utilization,
    }
  }

  #turn(): void {
    if (++this.#unasked > FORGOTTEN_WINDOWS) return this[Symbol.dispose]()
    if (this.#younger !== undefined) {
      this.#older?.delays.disable()
      this.#older = this.#younger
    }
    this.#younger = openWindow()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    for (const window of [this.#older, this.#younger]) window?.delays.disable()
    this.#older = undefined
    this.#younger = undefined
  }
}

function openWindow(): LoopWindow {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  return { delays, began: performance.eventLoopUtilization() }
}
