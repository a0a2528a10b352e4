// Limits the connections of one credential, and those of all credentials with limited scopes together, so that others
// always find a place. A connection between two requests gives way to a newcomer of the same share; if all are in use,
// the newcomer is refused.

import { Fault } from '../base/fault.ts'
import type { Caller } from '../caller.ts'

interface Held {
  /** Exchanges in progress. */
  readonly busy: number
  readonly idleSince: number
}

/** Part of all places that one credential may have. */
const ONE = 3 / 4
/** Part of all credentials with limited scopes together: they never take the places of the others. */
const LIMITED = 1 / 2
/** Key of that share; no credential has this id. */
const ALL_LIMITED = ''

export class Shares<Entry extends Held> {
  readonly #places: number
  readonly #held = new Map<string, Set<Entry>>()
  readonly #sharesOf = new Map<Entry, readonly string[]>()

  constructor(places: number) {
    this.#places = places
  }

  /** Counts the connection for its caller, and for no other any more. `close` ends one, which is then deleted here. */
  add(entry: Entry, { id, scopes }: Pick<Caller, 'id' | 'scopes'>, close: (entry: Entry) => void): void {
    this.delete(entry)
    if (scopes !== 'all') {
      const sentence = 'the credentials with limited scopes use all connections that they may have together'
      this.#makeRoom(ALL_LIMITED, Math.ceil(this.#places * LIMITED), sentence, close)
    }
    this.#makeRoom(id, Math.ceil(this.#places * ONE), 'this credential uses all connections that one may have', close)
    const shares = scopes === 'all' ? [id] : [id, ALL_LIMITED]
    for (const share of shares) {
      const same = this.#held.get(share) ?? new Set()
      this.#held.set(share, same.add(entry))
    }
    this.#sharesOf.set(entry, shares)
  }

  delete(entry: Entry): void {
    for (const share of this.#sharesOf.get(entry) ?? []) {
      const same = this.#held.get(share)
      same?.delete(entry)
      if (same?.size === 0) this.#held.delete(share)
    }
    this.#sharesOf.delete(entry)
  }

  #makeRoom(share: string, most: number, sentence: string, close: (entry: Entry) => void): void {
    const same = this.#held.get(share)
    if (same === undefined || same.size < most) return
    const idle = longestIdle(same)
    if (idle !== undefined) return close(idle)
    throw new Fault('rate_limited', `${sentence} (${most} of ${this.#places}); close some, or try again later`, {
      retryAfter: RETRY_S,
    })
  }
}

const RETRY_S = 5

/** Returns the connection to close: HTTP lets a server close one at any time between two requests. */
function longestIdle<Entry extends Held>(entries: Iterable<Entry>): Entry | undefined {
  let found: Entry | undefined
  for (const entry of entries) {
    if (entry.busy === 0 && (found === undefined || entry.idleSince < found.idleSince)) found = entry
  }
  return found
}
