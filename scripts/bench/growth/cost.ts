// The values of a growth, and the measurement of one cost.

import { median, type Bench } from '../figure.ts'

export interface Growth {
  readonly what: string
  readonly unit: string
  /** Points in the order of their sizes. */
  readonly points: readonly Point[]
}

export interface Point {
  readonly size: number
  readonly cost: number
}

export type Growing = (bench: Bench) => Promise<Growth[]>

/** Resolves with the median of `rounds` acts after one uncounted. */
export async function costOf(rounds: number, act: () => Promise<number>): Promise<number> {
  const samples: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const cost = await act()
    if (round > 0) samples.push(cost)
  }
  return median(samples)
}
