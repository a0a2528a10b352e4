// How much slower than quiet this machine is now: limits of the tests and of their runner are times of a quiet machine,
// and grow with the load. They only end what hangs; no test passes or fails by how fast it was.

import { availableParallelism, loadavg } from 'node:os'

/** Tasks that want to run for each core, by the kernel's average over a minute; 1 at least. */
export function slowness(load = loadavg()[0] ?? 0, cores = availableParallelism()): number {
  return Math.max(1, load / cores)
}

/** A limit that is counted in time of a quiet machine: under a load of four a core a second counts for a quarter. */
export class QuietTime {
  readonly #limitMs: number
  #spentMs = 0

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** Counts what has passed since the last call; whether the limit is reached. */
  spend(ms: number, slower = slowness()): boolean {
    this.#spentMs += ms / slower
    return this.#spentMs >= this.#limitMs
  }
}
