// Waits for something that happens by itself, instead of sleeping for it: looks again every 5 ms and fails
// by name at the deadline. The deadline is there for what never happens; it grows with the load of the machine.

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
