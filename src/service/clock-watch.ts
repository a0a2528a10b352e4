// Notices that the wall clock was set, or stood still while the machine was paused, by comparing it with the monotonic
// clock. No wait uses the wall clock, so nothing breaks (A-08, C-04); but it decides when tokens expire and dates the
// log, so readers of the log should know.

export interface ClockWatchOptions {
  /** Called with the number of seconds by which the clock has jumped. */
  readonly jumped: (seconds: number) => void
  /** Milliseconds between two looks; for tests. */
  readonly everyMs?: number
}

/** Smallest jump that is told, in milliseconds: NTP's corrections are smaller. */
const JUMP_MS = 2_000
const EVERY_MS = 5_000

export function openClockWatch({ jumped, everyMs = EVERY_MS }: ClockWatchOptions): Disposable {
  const offset = (): number => Date.now() - performance.now()
  let last = offset()
  const timer = setInterval(() => {
    const now = offset()
    if (Math.abs(now - last) > JUMP_MS) jumped((now - last) / 1000)
    last = now
  }, everyMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
