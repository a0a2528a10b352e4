// Rings in turn: a terminal that has ended leaves its ring to the next. The reader thread has little reason to
// collect garbage, so memory it once shared would stay for long after everybody is done with it.

import { KeptStates } from '../../threads/terminal/kept-states.ts'
import { TerminalRing } from '../../threads/terminal/ring.ts'

/** Rings that wait for a terminal; what is beyond is left to the garbage collector. */
const SPARE_RINGS = 4

export class Rings {
  readonly #spare: TerminalRing[] = []

  take(): TerminalRing {
    const spare = this.#spare.pop()
    if (spare !== undefined) return spare
    const ring = new TerminalRing()
    new KeptStates(ring.shared).clear()
    return ring
  }

  /** Neither its reader nor anybody else uses it any more. */
  give(ring: TerminalRing): void {
    if (this.#spare.length >= SPARE_RINGS) return
    ring.reset()
    new KeptStates(ring.shared).clear()
    this.#spare.push(ring)
  }
}
