// Result of a run: answers by kind, authenticated ones, the slowest, and failures, each with the number under which it
// can be replayed; and the verdict over it.

import type { Sample, Watched } from './watchdog.ts'

/** Longest time of a case, in ms. */
export const HANG_MS = 1_000
/** Number of times that a slow case is tried again. */
const TRIES = 3
/** Failures that are kept; further ones are counted. */
const KEPT = 20
/** MiB that anonymous memory may grow in 100,000 cases. */
export const SLOPE_MIB = 1
/**
 * MiB that are no growth: V8's heap goes up and down by pages, and compiled code comes in late. (Snapshots of the heap
 * after 60,000 and 200,000 query strings differ by 0.27 MiB, of which 288 bytes are objects.)
 */
export const NOISE_MIB = 10
/**
 * MiB of anonymous memory that the daemon never reaches: V8's use under such load (172), and half of it again. Each of
 * 100,000 cases would have to lose 900 bytes for it.
 */
export const PEAK_MIB = 256

export class Tally {
  readonly answers = new Map<string, number>()
  readonly failures: string[] = []
  authenticated = 0
  cases = 0
  failed = 0
  /** Cases above HANG_MS at the first try. */
  slow = 0
  slowest = { ms: 0, index: -1 }

  count(answer: string, times = 1): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + times)
  }

  /**
   * Returns true if that was too long, which is no failure yet: on a busy machine it happens to any case. It is one if
   * it happens at each further try of the case.
   */
  took(index: number, ms: number): boolean {
    if (ms > this.slowest.ms) this.slowest = { ms, index }
    if (ms > HANG_MS) this.slow++
    return ms > HANG_MS
  }

  /** Tries a case again; `retry` resolves with the milliseconds that it takes now. */
  async again(index: number, retry: () => Promise<number>): Promise<void> {
    let least = Infinity
    for (let attempt = 0; attempt < TRIES && least > HANG_MS; attempt++) least = Math.min(least, await retry())
    if (least > HANG_MS)
      this.fail(index, `took more than ${HANG_MS} ms, and ${Math.round(least)} ms or more when tried again`)
  }

  fail(index: number, sentence: string): void {
    this.failed++
    if (this.failures.length < KEPT) this.failures.push(`case ${index}: ${sentence}`)
  }
}

export interface Outcome {
  readonly name: string
  readonly tally: Tally
  readonly seconds: number
  readonly watched: Watched
  /** Sentences about broken rules; empty if all hold. */
  readonly problems: readonly string[]
  readonly memory: Memory
}

export interface Memory {
  /** Lowest memory of each part after the warm-up, in MiB. */
  readonly lowest: readonly number[]
  /** Highest memory of all, in MiB. */
  readonly peak: number
  /** Growth in MiB for 100,000 cases. */
  readonly slope: number
}

/** Parts of the run behind its warm-up; the lowest value of each is memory that collecting cannot free. */
const PARTS = 10

/** Returns the least squares over the lowest of each part: between two collections memory goes up and down by more. */
export function memoryOf(samples: readonly Sample[], cases: number, warmUp: number): Memory {
  const after = samples.filter((one) => one.cases >= warmUp)
  const lowest = Array.from({ length: PARTS }, (_, part) => {
    const from = warmUp + ((cases - warmUp) * part) / PARTS
    const to = warmUp + ((cases - warmUp) * (part + 1)) / PARTS
    const inside = after.filter((one) => one.cases >= from && one.cases <= to)
    return inside.reduce<Sample | undefined>(
      (least, one) => (least === undefined || one.mib < least.mib ? one : least),
      undefined,
    )
  }).filter((one) => one !== undefined)
  const peak = Math.max(0, ...samples.map((one) => one.mib))
  return { lowest: lowest.map((one) => one.mib), peak, slope: slopeOf(lowest) * 100_000 }
}

function slopeOf(points: readonly Sample[]): number {
  const middle = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length
  const x = middle(points.map((one) => one.cases))
  const y = middle(points.map((one) => one.mib))
  const over = points.reduce((sum, one) => sum + (one.cases - x) * (one.mib - y), 0)
  const under = points.reduce((sum, one) => sum + (one.cases - x) ** 2, 0)
  return under === 0 ? 0 : over / under
}
