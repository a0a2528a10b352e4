// A figure: a measure, its floor in the same run, and the limit. Medians over interleaved rounds, so that a change of
// the machine's speed meets both alike.

import type { Tree } from './tree.ts'

export type Range = readonly [least: number, most: number]

export interface Row {
  /** Number of the figure, as in docs/bench.md. */
  readonly figure: string
  readonly measure: string
  readonly ours: number
  /** Half the distance of the quartiles, as a part of the median; absent for a figure that is read once. */
  readonly spread?: number
  /** Least and most of the samples. */
  readonly range?: Range
  /** Floor that the measure is compared with; absent if the limit is absolute. */
  readonly floor?: { readonly name: string; readonly value: number; readonly range?: Range }
  readonly unit: string
  /** Limit: `ours / floor` (or `ours`) must be at most, or at least, so much. `plus` is in the row's unit. */
  readonly hold: { readonly atMost: number; readonly plus?: number } | { readonly atLeast: number }
}

/** Means that a figure gets. */
export interface Bench {
  /** Prints a line of progress. */
  readonly print: (line: string) => void
  /** Returns the tree, made at the first call and shared by the figures of a run. */
  readonly tree: () => Tree
  /** True if sizes and counts are a tenth of the figures': to see that everything runs, not to measure. */
  readonly quick: boolean
}

export type Figure = (bench: Bench) => Promise<Row[]>

export function held(row: Row): boolean {
  const value = valueOf(row)
  if ('atLeast' in row.hold) return value >= row.hold.atLeast
  const { atMost, plus = 0 } = row.hold
  return row.floor === undefined ? value <= atMost : row.ours <= row.floor.value * atMost + plus
}

/** Returns the ratio to the floor, or the figure itself. */
export function valueOf(row: Row): number {
  return row.floor === undefined ? row.ours : row.ours / row.floor.value
}

export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

/** Returns the measure of a row from its samples. */
export function measured(samples: readonly number[]): { ours: number; spread: number; range: Range } {
  const ours = median(samples)
  return { ours, spread: (quantile(samples, 0.75) - quantile(samples, 0.25)) / 2 / ours, range: rangeOf(samples) }
}

const rangeOf = (samples: readonly number[]): Range => [Math.min(...samples), Math.max(...samples)]

/** Returns the floor of a row from its samples. */
export const floorOf = (name: string, samples: readonly number[]) => ({
  name,
  value: median(samples),
  range: rangeOf(samples),
})

/** Resolves with the milliseconds that `act` takes. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await act()
  return performance.now() - began
}

type Acts = Readonly<Record<string, () => Promise<number>>>

/** Runs the acts in turn, A B A B …, after `warmUp` uncounted rounds; resolves with the samples of each. */
export async function interleaved<A extends Acts>(
  rounds: number,
  acts: A,
  warmUp = 1,
): Promise<Record<keyof A, number[]>> {
  const samples = Object.fromEntries(Object.keys(acts).map((name) => [name, [] as number[]]))
  for (let round = 0; round < rounds + warmUp; round++) {
    for (const [name, act] of Object.entries(acts)) {
      const value = await act()
      if (round >= warmUp) samples[name]?.push(value)
    }
  }
  return samples as Record<keyof A, number[]> // the keys are those of the acts
}
