// Waits for an event, for the signal of the caller, or for a time, whichever comes first. Whichever ends it, the
// listener on the signal and the timer are removed in the same moment: a signal may live for hours, and ten thousand
// waits may use it. `takeTurns` is for long work on the main thread: it lets the event loop run in between.

import { setImmediate } from 'node:timers/promises'

/** Ends a wait with its value; only the first call counts. */
export type End<T> = (value: T) => void

/**
 * Calls `begin`, which arranges for `end` to be called and returns a function that undoes this; the function is called
 * at the wait's end, in the same turn. Resolves with the value, or tells that the signal came first, or that `ms` have
 * passed. `begin` is not called if the signal has aborted before.
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

/** Callers that wait for the same thing. Each is woken and looks for itself; as many as there are calls in progress. */
export class Waiters {
  readonly #waiting = new Set<() => void>()

  /** Wakes all waiters: something has happened. */
  wake(): void {
    for (const end of this.#waiting) end()
  }

  /** Resolves at the next `wake`, when `signal` aborts, or after `ms`. */
  async next(signal: AbortSignal, ms?: number): Promise<void> {
    const begin = (end: End<'woken'>) => {
      const woken = (): void => end('woken')
      this.#waiting.add(woken)
      return () => void this.#waiting.delete(woken)
    }
    await waitFor(begin, signal, ms)
  }

  /** Resolves once `done` returns true, which is called at once and after each `wake`, or when `signal` aborts. */
  async until(done: () => boolean, signal: AbortSignal): Promise<void> {
    while (!done() && !signal.aborted) await this.next(signal)
  }
}

/** Milliseconds of work before the loop gets its turn; a step may take as long again (protocol.md#limits: 50 ms). */
const TURN_MS = 8

/** Returns a function to be awaited between steps: it lets the loop run once if a turn is over. */
export function takeTurns(): () => Promise<void> {
  let began = performance.now()
  return async () => {
    if (performance.now() - began < TURN_MS) return
    await setImmediate()
    began = performance.now()
  }
}
