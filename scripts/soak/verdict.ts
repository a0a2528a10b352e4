// Judges a soak from its samples: tells if memory has grown, and if all other counts are back at their values. Pure.

import { COUNTS, type Vitals } from './vitals.ts'

/** Largest growth of memory that passes (Z-07). */
export const MOST_DRIFT = 0.05
/** Minutes below which growth cannot be told from chance. */
export const MINUTES_FOR_DRIFT = 20

export interface Minute {
  /** Least and most anonymous memory of the minute: the rest after a collection, and the peak of work. */
  readonly least: number
  readonly most: number
}

/**
 * Returns the growth of memory's floor under work from the second third to the last, as a share of it. In the first
 * third the limited stores fill: finished commands and their output, answers that are not yet collected.
 */
export function drift(minutes: readonly Minute[]): number | undefined {
  if (minutes.length < MINUTES_FOR_DRIFT) return undefined
  const third = Math.floor(minutes.length / 3)
  const floor = (part: readonly Minute[]) => median(part.map(({ least }) => least))
  const before = floor(minutes.slice(-2 * third, -third))
  return (floor(minutes.slice(-third)) - before) / before
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/** Threads that unpack rest for ten minutes (src/native/koffi.ts), and more may run at once than in the warm-up. */
const RESTING: Partial<Record<keyof Vitals, number>> = { threads: 4 }

/** Returns the counts that are higher at the end than at rest before: "descriptors 31, were 25". */
export function leftBehind(before: Vitals, after: Vitals): string[] {
  return COUNTS.filter((name) => after[name] > before[name] + (RESTING[name] ?? 0)).map(
    (name) => `${name} ${after[name]}, were ${before[name]}`,
  )
}
