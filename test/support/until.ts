// Waits for something that happens by itself, instead of sleeping for it: looks again every 5 ms and fails
// by name at the deadline.

import { setTimeout as pause } from 'node:timers/promises'

const PAUSE_MS = 5

export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
    await pause(PAUSE_MS)
  }
}
