// Signs of life for a service manager that restarts a silent daemon (C-06). The daemon sends one only after the event
// loop has run a timer and the thread pool has answered a file call: either can be stuck while the process looks alive.
// Timers count the kernel's monotonic clock, as systemd does, so neither a jump of the wall clock nor a pause of the
// machine makes a sign late (C-04).

import { stat } from 'node:fs/promises'

export interface WatchdogOptions {
  /** Milliseconds that the manager waits for a sign. */
  readonly periodMs: number
  readonly alive: () => void
  /** Makes a round trip through the thread pool. The root directory is always in memory: no slow disk delays it. */
  readonly probe?: () => Promise<unknown>
}

/** Signs in one period. sd_watchdog_enabled(3) advises two; with three, one may be lost. */
const SIGNS_PER_PERIOD = 3

/** Returns the manager's period in ms; undefined if it does not watch this process. */
export function watchdogPeriod(environment: Readonly<Record<string, string>>, pid: number): number | undefined {
  const { WATCHDOG_USEC: period = '', WATCHDOG_PID: watched } = environment
  if (!/^[1-9]\d{0,15}$/.test(period)) return undefined
  return watched === undefined || watched === String(pid) ? Number(period) / 1000 : undefined
}

/** Sends the first sign at once if the pool answers. */
export function openWatchdog(options: WatchdogOptions): Disposable {
  const { probe = () => stat('/') } = options
  let asked = false
  const look = async (): Promise<void> => {
    if (asked) return // the pool still owes the last answer
    asked = true
    await probe().catch(() => undefined) // an error is an answer too
    asked = false
    if (timer !== undefined) options.alive()
  }
  let timer: NodeJS.Timeout | undefined = setInterval(() => void look(), options.periodMs / SIGNS_PER_PERIOD)
  void look()
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      timer = undefined
    },
  }
}
