// Gives the main loop back during long work that has to be done on it (protocol.md#limits: no request holds it
// for more than 50 ms).

import { setImmediate } from 'node:timers/promises'

/** Work goes on this long before the loop gets its turn; a step itself may take as long again. */
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
