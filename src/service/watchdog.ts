// Signs of life for a manager that restarts what shows none (C-06). One is given only after the
// event loop has run a timer and the thread pool has answered a file call: either can be wedged while the
// process looks alive. Timers count the kernel's monotonic clock, as systemd does, so neither a jump of the
// wall clock nor a pause of the machine makes one late (C-04).

import { stat } from 'node:fs/promises'

export interface WatchdogOptions {
  /** The manager waits this long for a sign. */
  readonly periodMs: number
  readonly alive: () => void
  /** A round trip through the thread pool. The root directory is always in memory: no slow disk answers for it. */
  readonly probe?: () => Promise<unknown>
}

/** sd_watchdog_enabled(3) advises half of the period; a third lets one sign be lost. */
const SIGNS_PER_PERIOD = 3

/** How long the manager waits, in ms; undefined where it does not watch this process. */
export function watchdogPeriod(environment: Readonly<Record<string, string>>, pid: number): number | undefined {
  const { WATCHDOG_USEC: period = '', WATCHDOG_PID: watched } = environment
  if (!/^[1-9]\d{0,15}$/.test(period)) return undefined
  return watched === undefined || watched === String(pid) ? Number(period) / 1000 : undefined
}

/** Gives the first sign at once, as far as the pool answers. */
export function openWatchdog(options: WatchdogOptions): Disposable {
  const { probe = () => stat('/') } = options
  let asked = false
  const look = async (): Promise<void> => {
    if (asked) return // the pool still owes the last answer
    asked = true
    await probe().catch(() => undefined) // a refusal is an answer too
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
