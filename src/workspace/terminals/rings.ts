// Rings in turn: a terminal that has ended leaves its ring to the next. The reader thread has little reason to
// collect garbage, so memory it once shared would stay for long after everybody is done with it.

import { TerminalRing } from '../../threads/terminal/ring.ts'

/** Rings that wait for a terminal; what is beyond is left to the garbage collector. */
const SPARE_RINGS = 4

export class Rings {
  readonly #spare: TerminalRing[] = []

  take(): TerminalRing {
    return this.#spare.pop() ?? new TerminalRing()
  }

  /** Neither its reader nor anybody else uses it any more. */
  give(ring: TerminalRing): void {
    if (this.#spare.length >= SPARE_RINGS) return
    ring.reset()
    this.#spare.push(ring)
  }
}
