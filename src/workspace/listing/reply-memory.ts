// The memory that replies share while they are being gathered from walks. Beyond it a caller is asked to
// come back: many listings with content at once would otherwise cost more than the machine has, and
// resident memory is what starting a process costs. Streams gather nothing.

import { Fault } from '../../base/fault.ts'

/** Bytes: five listings with the whole content budget, or some thirty of 50,000 entries. */
export const REPLY_MEMORY = 256 * 1024 * 1024

export class ReplyMemory {
  readonly #limit: number
  #used = 0

  constructor(limit: number = REPLY_MEMORY) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** A share that grows with what one reply takes and is given back as a whole. */
  share(): ReplyShare {
    let own = 0
    return {
      take: (bytes) => {
        if (this.#used + bytes > this.#limit) {
          const sentence = `replies being gathered fill the ${this.#limit} bytes they share; stream the listing or try again`
          throw new Fault('unavailable', sentence, { details: { limit: this.#limit }, retryAfter: 1 })
        }
        own += bytes
        this.#used += bytes
      },
      [Symbol.dispose]: () => {
        this.#used -= own
        own = 0
      },
    }
  }
}

export interface ReplyShare extends Disposable {
  /** Counts bytes in; throws `unavailable` where they do not fit. */
  take(bytes: number): void
}
