// Waits that something else ends: an event, the signal of the caller, or the time, whichever comes first. However it
// ends, the listener on the signal and the timer are taken back in the same moment: a signal may live for hours and a
// wait on it be repeated ten thousand times. `takeTurns` is for long work on the main thread, which gives the loop back.

import { setImmediate } from 'node:timers/promises'

/** Ends a wait with its value; only the first call counts. */
export type End<T> = (value: T) => void

/**
 * Calls `begin`, which arranges for `end` to be called and returns what takes that back; it is taken back at the wait's
 * end, in the same turn. Resolves with the value, or tells that the signal came first, or that `ms` have passed.
 * `begin` is not called where the signal has aborted before.
 */
export function waitFor<T>(
  begin: (end: End<T>) => () => void,
  signal: AbortSignal | undefined,
  ms?: number,
): Promise<T | 'aborted' | 'late'> {
  if (signal?.aborted === true) return Promise.resolve('aborted')
  const { promise, resolve } = Promise.withResolvers<T | 'aborted' | 'late'>()
  let takeBack = (): void => undefined
  let over = false
  const end = (value: T | 'aborted' | 'late'): void => {
    if (over) return
    over = true
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    takeBack()
    resolve(value)
  }
  const abort = (): void => end('aborted')
  const timer = ms === undefined ? undefined : setTimeout(() => end('late'), ms)
  signal?.addEventListener('abort', abort, { once: true })
  takeBack = begin(end)
  if (over) takeBack()
  return promise
}

/** Resolves with `done` once the promise has settled, either way, or tells that the signal or the time came first. */
export function whenDone(
  promise: Promise<unknown>,
  signal?: AbortSignal,
  ms?: number,
): Promise<'done' | 'aborted' | 'late'> {
  const begin = (end: End<'done'>) => {
    const settled = (): void => end('done')
    promise.then(settled, settled)
    return () => undefined
  }
  return waitFor(begin, signal, ms)
}

/** Those who wait for the same thing. Each is woken and looks for itself; as many as there are calls in progress. */
export class Waiters {
  readonly #waiting = new Set<() => void>()

  /** Something has happened. */
  wake(): void {
    for (const end of this.#waiting) end()
  }

  /** Until the next `wake`, until `signal` aborts, or for `ms`. */
  async next(signal: AbortSignal, ms?: number): Promise<void> {
    const begin = (end: End<'woken'>) => {
      const woken = (): void => end('woken')
      this.#waiting.add(woken)
      return () => void this.#waiting.delete(woken)
    }
    await waitFor(begin, signal, ms)
  }

  /** Until `done` says so, which is asked at once and after each `wake`, or `signal` aborts. */
  async until(done: () => boolean, signal: AbortSignal): Promise<void> {
    while (!done() && !signal.aborted) await this.next(signal)
  }
}

/** Work goes on this long before the loop gets its turn, and a step may take as long again: protocol.md#limits allows 50 ms. */
const TURN_MS = 8

/** Returns a function to be awaited between steps: it lets the loop run once where a turn is over. */
export function takeTurns(): () => Promise<void> {
  let began = performance.now()
  return async () => {
    if (performance.now() - began < TURN_MS) return
    await setImmediate()
    began = performance.now()
  }
}
