// The randomness of one case, made from the seed, the fuzzer's name and the case's number alone, so that each case can
// be repeated without those before it (`--at`).

import { seeded, type Random } from '../../test/support/random.ts'

export type { Random }

/** Prime and offset of FNV-1a (32 bits), to mix the case's names. */
const PRIME = 0x01000193
const OFFSET = 0x811c9dc5

export function chanceOf(seed: number, fuzzer: string, index: number): Random {
  let hash = OFFSET
  for (const byte of Buffer.from(`${seed} ${fuzzer} ${index}`)) hash = Math.imul(hash ^ byte, PRIME)
  return seeded(hash ^ (hash >>> 15))
}

/** Picks by weight: the sum of the weights need not be 1. */
export function weighted<T>(random: Random, choices: readonly (readonly [weight: number, choice: T])[]): T {
  let at = random.next() * choices.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, choice] of choices) {
    if ((at -= weight) < 0) return choice
  }
  return (choices.at(-1) as readonly [number, T])[1] // rounding
}
