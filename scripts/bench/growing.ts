// Measures how cost grows: each thing at several sizes, and the slope of cost over size with both as logarithms. A
// slope of 1 is proportional; a row is superlinear if its slope over the upper half of the sizes is above the limit.

import type { Bench } from './figure.ts'
import type { Growing, Growth } from './growth/cost.ts'
import { execGrowth } from './growth/execs.ts'
import { listGrowth } from './growth/files.ts'
import { socketGrowth } from './growth/sockets.ts'
import { terminalGrowth } from './growth/terminals.ts'
import { watchGrowth } from './growth/watches.ts'

export interface GrowthRow extends Growth {
  /** Exponent between the middle size and the largest. */
  readonly slope: number
  readonly superlinear: boolean
}

/** Slope that passes at most: caches and tables make up the excess between 1,000 and 1,000,000 files. */
export const MOST_SLOPE = 1.15

const ALL: Readonly<Record<string, Growing>> = {
  'listings and searches': listGrowth,
  'parallel execs': execGrowth,
  'idle sockets': socketGrowth,
  terminals: terminalGrowth,
  'watched directories': watchGrowth,
}

export async function grow(bench: Bench): Promise<{ rows: GrowthRow[]; failures: number }> {
  const rows: GrowthRow[] = []
  let failures = 0
  for (const [name, growing] of Object.entries(ALL)) {
    bench.print(`growth: ${name}`)
    try {
      rows.push(...(await growing(bench)).map(judged))
    } catch (error) {
      failures++
      bench.print(`growth of ${name} could not be measured: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }
  return { rows, failures }
}

function judged(growth: Growth): GrowthRow {
  const slope = slopeOf(growth.points)
  return { ...growth, slope, superlinear: slope > MOST_SLOPE }
}

/**
 * Returns the exponent k of cost ~ size^k over the upper half of the sizes, by least squares: at the lower half a
 * constant part (a request, a worker's start) hides it.
 */
export function slopeOf(points: Growth['points']): number {
  const upper = points.slice(Math.min(Math.floor(points.length / 2), points.length - 2))
  const logs = upper.map(({ size, cost }) => [Math.log(size), Math.log(Math.max(cost, Number.EPSILON))] as const)
  const mean = (at: 0 | 1): number => logs.reduce((sum, log) => sum + log[at], 0) / logs.length
  const [x, y] = [mean(0), mean(1)]
  const over = logs.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0)
  return over / logs.reduce((sum, [a]) => sum + (a - x) ** 2, 0)
}
