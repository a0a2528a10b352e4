// Notices that the wall clock was set, or stood still while the machine was paused, by comparing it with the
// monotonic one. Nothing waits by the wall clock, so nothing breaks (A-08, C-04); but tokens are judged
// by it and logs are dated by it, so their readers should know.

export interface ClockWatchOptions {
  /** Hears by how many seconds the clock has jumped. */
  readonly jumped: (seconds: number) => void
  /** For tests. */
  readonly everyMs?: number
}

/** Less is what a clock being disciplined does. */
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
