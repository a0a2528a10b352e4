// The flags of `npm run soak`.

import { parseArgs } from 'node:util'

export interface Options {
  readonly minutes: number
  readonly seed: number
  /** True if the run fills the disk and moves the clock, on a machine that allows it. */
  readonly chaos: boolean
}

export const USAGE = 'npm run soak [-- --minutes 60] [--seed N] [--calm]'
/** Minutes of the usual run: an hour, as Z-07 says. */
const USUAL_MINUTES = '60'
const MOST_MINUTES = 7 * 24 * 60

export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: USUAL_MINUTES },
      seed: { type: 'string' },
      calm: { type: 'boolean', default: false },
    },
  })
  const minutes = Number(values.minutes)
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed)
  if (!(minutes > 0 && minutes <= MOST_MINUTES)) throw new Error(`--minutes is ${values.minutes}; ${USAGE}`)
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--seed is ${values.seed}; ${USAGE}`)
  return { minutes, seed, chaos: !values.calm }
}
