// The flags of `npm run faults`.

import { parseArgs } from 'node:util'

export interface Options {
  readonly minutes: number
  readonly seed: number
  readonly json: boolean
  /** Path of a history to check again, instead of a run. */
  readonly check: string | undefined
  /** Path of the history; a temporary file, removed unless a check failed, if absent. */
  readonly history: string | undefined
}

export const USAGE = `npm run faults [-- --minutes 10] [--seed N] [--json] [--history FILE] [--check FILE]`

export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      history: { type: 'string' },
      check: { type: 'string' },
    },
  })
  const minutes = Number(values.minutes)
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed)
  if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error(`--minutes is ${values.minutes}; ${USAGE}`)
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--seed is ${values.seed}; ${USAGE}`)
  return { minutes, seed, json: values.json, check: values.check, history: values.history }
}
