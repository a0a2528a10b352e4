// Judges a soak from its samples: whether memory has grown, and whether everything else is back. Pure.

import { COUNTS, type Vitals } from './vitals.ts'

/** The bounds of Z-07. */
export const MOST_DRIFT = 0.05
/** Minutes below which growth cannot be told from chance. */
export const MINUTES_FOR_DRIFT = 20

export interface Minute {
  /** The least and the most anonymous memory seen in it: what the last collection left, and the height of work. */
  readonly least: number
  readonly most: number
}

/**
 * How much the floor of memory under work has risen from the second third to the last, as a share of it. In the first
 * the stores fill that have limits: finished commands and their output, answers that are not yet collected.
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

/** Threads that unpack, of which more may have met at once than in the warm-up, rest for ten minutes (src/native/koffi.ts). */
const RESTING: Partial<Record<keyof Vitals, number>> = { threads: 4 }

/** What is more at the end than it was at rest before: "descriptors 31, were 25". */
export function leftBehind(before: Vitals, after: Vitals): string[] {
  return COUNTS.filter((name) => after[name] > before[name] + (RESTING[name] ?? 0)).map(
    (name) => `${name} ${after[name]}, were ${before[name]}`,
  )
}
