// A figure of the design: a measure, its floor in the same run, and what must hold. Medians over interleaved
// rounds, so that a change of the machine's speed meets both alike.

export interface Row {
  /** Number in the design's table. */
  readonly figure: string
  readonly measure: string
  readonly ours: number
  /** What the measure is compared with; absent where the limit is absolute. */
  readonly floor?: { readonly name: string; readonly value: number }
  readonly unit: string
  /** `ours / floor` (or `ours`) must be at most, or at least, the limit. */
  readonly hold: { readonly atMost: number; readonly plus?: number } | { readonly atLeast: number }
  readonly note?: string
}

export type Figure = (print: (line: string) => void) => Promise<Row[]>

export function held(row: Row): boolean {
  const value = valueOf(row)
  if ('atLeast' in row.hold) return value >= row.hold.atLeast
  const { atMost, plus = 0 } = row.hold
  return row.floor === undefined ? value <= atMost : row.ours <= row.floor.value * atMost + plus
}

/** The ratio to the floor, or the figure itself. */
export function valueOf(row: Row): number {
  return row.floor === undefined ? row.ours : row.ours / row.floor.value
}

export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

/** Milliseconds that `act` takes. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await act()
  return performance.now() - began
}

/** Runs the acts in turn, A B A B …, after one uncounted round; the samples of each, in order. */
export async function interleaved(rounds: number, ...acts: (() => Promise<number>)[]): Promise<number[][]> {
  const samples: number[][] = acts.map(() => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [i, act] of acts.entries()) {
      const value = await act()
      if (round > 0) samples[i]?.push(value)
    }
  }
  return samples
}
