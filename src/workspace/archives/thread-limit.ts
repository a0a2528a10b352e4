// A limit of threads: work that takes a thread enters (`const leave = await limit.enter(signal)`) and leaves. So much
// of it runs at once; a few calls more wait in line for a while, and a call that finds the line full, or waits too long
// in it, is told when to come again.

import { Fault } from '../../base/fault.ts'
import { type End, waitFor } from '../../base/waiting.ts'

interface ThreadLimitOptions {
  /** The work in the plural, for the sentence. */
  readonly what: string
  readonly limit: number
  /** Calls that may wait at a time. */
  readonly waiting: number
  readonly waitMs: number
}

/** Seconds until a refused client should try again. */
const RETRY_AFTER = 10

export class ThreadLimit {
  readonly #limits: ThreadLimitOptions
  /** Waiting calls: each gets true when its turn has come, false when it will not come. */
  readonly #line = new Set<End<boolean>>()
  #taken = 0
  #closed = false

  constructor(limits: ThreadLimitOptions) {
    this.#limits = limits
  }

  /** Resolves once a thread is free, with the function that gives it back, once. Throws `unavailable`. */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (this.#closed) throw new Fault('unavailable', 'the daemon is stopping', { retryAfter: RETRY_AFTER })
    if (this.#taken < this.#limits.limit) this.#taken++
    else if (this.#line.size >= this.#limits.waiting || !(await this.#stand(signal))) throw this.#refusal()
    let inside = true
    return () => {
      if (inside) this.#leave()
      inside = false
    }
  }

  /** Refuses all that wait, and all that come later. */
  close(): void {
    this.#closed = true
    for (const told of this.#line) told(false)
  }

  /** Gives the thread to the first in line. */
  #leave(): void {
    const [next] = this.#line
    if (next === undefined) this.#taken--
    else next(true)
  }

  async #stand(signal: AbortSignal): Promise<boolean> {
    const line = (told: End<boolean>) => {
      this.#line.add(told)
      return () => void this.#line.delete(told)
    }
    return (await waitFor(line, signal, this.#limits.waitMs)) === true
  }

  #refusal(): Fault {
    const { what, limit } = this.#limits
    const details = { limit, unit: what }
    return new Fault('unavailable', `${limit} ${what} are as many as are accepted at once`, {
      details,
      retryAfter: RETRY_AFTER,
    })
  }
}
