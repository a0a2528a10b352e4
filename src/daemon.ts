// Facts about the process as a whole for /metrics and /health/detail: counts of calls, readings of its parts, its event
// loop, its conditions. Opened by serve, handed to calls by the gate. Readings are taken when a client asks, so that a
// daemon at rest does nothing for them.

import { monitorEventLoopDelay, type EventLoopUtilization } from 'node:perf_hooks'
import type { Conditions } from './base/conditions.ts'
import { CallTally, type ResponseTally } from './base/tally.ts'

/** Readings of the front door, which operations do not reach; all are 0 while it is closed. */
export interface DoorGauges {
  /** Calls in progress, proxied requests among them. */
  readonly calls: () => number
  /** Open HTTP connections, WebSockets among them. */
  readonly connections: () => Promise<number>
  /** Open WebSockets of /ws. */
  readonly sockets: () => number
}

export interface DaemonOptions {
  readonly stateDirectory: string
  /** Limits of the configuration, by their keys. */
  readonly limits: Readonly<Record<string, number>>
  readonly conditions: Conditions
  /** Log lines that never reached the reader, since the start. */
  readonly logLinesDropped: () => number
}

export interface Daemon extends DaemonOptions, Disposable {
  readonly calls: CallTally
  readonly responses: ResponseTally
  readonly doors: DoorGauges
  readonly loop: LoopMonitor
  /** Times that the wall clock was set by more than 2 s, since the start. */
  clockJumps: number
  /** Reads `gauges` from now on, until the result is disposed of; the owner of the front door calls it. */
  measure(gauges: DoorGauges): Disposable
}

export function openDaemon(options: DaemonOptions): Daemon {
  const loop = new LoopMonitor()
  let doors = CLOSED
  return {
    ...options,
    calls: new CallTally(),
    responses: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 },
    get doors() {
      return doors
    },
    loop,
    clockJumps: 0,
    measure(gauges) {
      doors = gauges
      return { [Symbol.dispose]: () => void (doors = CLOSED) }
    },
    [Symbol.dispose]: () => loop[Symbol.dispose](),
  }
}

const none = (): number => 0
const CLOSED: DoorGauges = { calls: none, connections: () => Promise.resolve(0), sockets: none }

/** Delays of the event loop in the last one to two minutes, in seconds. */
export interface LoopReading {
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Share of that time in which the loop worked, 0 to 1. */
  readonly utilization: number
}

/** Delays that were measured since `began`. */
interface LoopWindow {
  readonly delays: ReturnType<typeof monitorEventLoopDelay>
  readonly began: EventLoopUtilization
}

/** Interval of the measurement in ms, while clients ask for readings. */
const RESOLUTION_MS = 20
const WINDOW_MS = 60_000
/** Windows without a reading after which measuring stops until the next one. */
const FORGOTTEN_WINDOWS = 5

/**
 * Measures delays of the event loop. Two windows are open, the younger since half the time of the older. A reading
 * tells the older one's measurements and changes nothing, so several scrapers take nothing from each other. Fifty
 * wake-ups a second are cheap for a daemon that is scraped, too many for others: measuring begins at the first reading,
 * which has no delays to tell.
 */
export class LoopMonitor implements Disposable {
  #older: LoopWindow | undefined
  #younger: LoopWindow | undefined
  #timer: NodeJS.Timeout | undefined
  /** Windows begun since the last reading. */
  #unread = 0

  read(): LoopReading {
    this.#unread = 0
    this.#older ??= openWindow()
    this.#timer ??= setInterval(() => this.#turn(), WINDOW_MS).unref()
    const { delays, began } = this.#older
    // Node records the whole interval in nanoseconds; the delay is the part beyond the resolution.
    const beyond = (ns: number): number => (delays.count === 0 ? 0 : Math.max(0, ns / 1e9 - RESOLUTION_MS / 1000))
    return {
      p50: beyond(delays.percentile(50)),
      p99: beyond(delays.percentile(99)),
      max: beyond(delays.max),
      utilization: performance.eventLoopUtilization(performance.eventLoopUtilization(), began).utilization,
    }
  }

  #turn(): void {
    if (++this.#unread > FORGOTTEN_WINDOWS) return this[Symbol.dispose]()
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
