// ThreadLimit for work that has a thread of its own: so many at once; a few more wait in line for a while, and
// whoever finds the line full, or waits too long in it, is told when to come again.

import { Fault } from '../../base/fault.ts'
import { type End, waitFor } from '../../base/waiting.ts'

export interface ThreadLimitOptions {
  /** What takes a place, in the plural, for the sentence. */
  readonly what: string
  readonly limit: number
  /** Who may wait at a time. */
  readonly waiting: number
  readonly waitMs: number
}

/** Seconds until a refused client should try again. */
const RETRY_AFTER = 10

export class ThreadLimit {
  readonly #limits: ThreadLimitOptions
  /** Each is told true when it has its place, false when it will have none. */
  readonly #line = new Set<End<boolean>>()
  #taken = 0
  #closed = false

  constructor(limits: ThreadLimitOptions) {
    this.#limits = limits
  }

  /** Resolves once there is a place; what it resolves to gives the place back, once. */
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

  /** Nobody waits any more, and nobody enters. */
  close(): void {
    this.#closed = true
    for (const told of this.#line) told(false)
  }

  /** Whoever is first in line takes over the place. */
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
