// Tells how much slower this machine is now than a quiet one. Limits of the tests and of their runner are times of a
// quiet machine, and grow with the load. They end tests that hang; no test passes or fails by its speed.

import { availableParallelism, loadavg } from 'node:os'

/** Returns the tasks that want to run for each core, by the kernel's average over a minute; at least 1. */
export function slowness(load = loadavg()[0] ?? 0, cores = availableParallelism()): number {
  return Math.max(1, load / cores)
}

/** A limit in the time of a quiet machine: with four tasks for each core a second counts for a quarter. */
export class QuietTime {
  readonly #limitMs: number
  #spentMs = 0

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** Counts the time since the last call. Returns true once the limit is reached. */
  spend(ms: number, slower = slowness()): boolean {
    this.#spentMs += ms / slower
    return this.#spentMs >= this.#limitMs
  }
}
