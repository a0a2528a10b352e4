// Randomness that can be replayed: the seed is printed by whoever uses it.

export interface Random {
  /** 0 ≤ x < 1. */
  next(): number
  /** An integer, 0 ≤ x < limit. */
  below(limit: number): number
  pick<T>(items: readonly T[]): T
}

/** Mulberry32 (public domain): small, and good enough to make a mess. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return { next, below, pick: (items) => items[below(items.length)] as (typeof items)[number] }
}
