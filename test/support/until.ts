// Waits until a condition holds, in place of a sleep: `await until('the file is there', () => existsSync(path))`. Looks
// again every 5 ms. Throws at a deadline, which grows with the load of the machine and ends only what hangs.

import { setTimeout as pause } from 'node:timers/promises'
import { slowness } from '../../scripts/slowness.ts'

const PAUSE_MS = 5

export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
  const began = performance.now()
  while (!(await condition())) {
    if (performance.now() - began > ms * slowness()) {
      throw new Error(`not within ${Math.round(performance.now() - began)} ms: ${what}`)
    }
    await pause(PAUSE_MS)
  }
}
