// Commands whose output, exit code and record of having run are known beforehand: numbered lines on stdout in batches,
// then on stderr, then an end of one of several kinds.

import type { Random } from '../../../test/support/random.ts'
import { printing } from '../content.ts'

export interface Plan {
  readonly tag: string
  readonly script: string
  readonly out: number
  readonly err: number
  readonly code: number
  readonly timeoutSeconds: number
}

export interface Shape {
  /** Most lines of stdout. */
  readonly lines: number
  readonly batches: number
  /** Seconds between two batches. */
  readonly pause: number
}

/** Ends and their exit codes: 128 + n for a signal, 124 for a timeout that TERM was enough for. */
const ENDS = [
  { end: 'exit', code: 0 },
  { end: 'exit', code: 0 },
  { end: 'exit', code: 3 },
  { end: 'exit', code: 255 },
  { end: 'kill', code: 128 + 9 },
  { end: 'term', code: 128 + 15 },
  { end: 'timeout', code: 124 },
] as const

/** Plans a command; `runs` is the folder where it notes that it ran. */
export function plan(tag: string, runs: string, random: Random, shape: Shape): Plan {
  const { end, code: known } = random.pick(ENDS)
  // All of it fits into a pipe, so a daemon that was stopped for longer than the timeout still gets it.
  const out = 1 + random.below(end === 'timeout' ? 1000 : shape.lines)
  const err = random.below(Math.ceil(out / 4))
  const code = end === 'exit' && known === 255 ? 1 + random.below(127) : known
  const steps = [`echo ${tag} >> '${runs}'`]
  const batch = Math.ceil(out / shape.batches)
  for (let first = 1; first <= out; first += batch) {
    steps.push(printing(tag, first, Math.min(out, first + batch - 1)))
    if (shape.pause > 0) steps.push(`sleep ${shape.pause}`)
  }
  if (err > 0) steps.push(`${printing(tag, 1, err)} >&2`)
  steps.push({ exit: `exit ${code}`, kill: 'kill -KILL $$', term: 'kill -TERM $$', timeout: 'exec sleep 3600' }[end])
  return { tag, script: steps.join('; '), out, err, code, timeoutSeconds: end === 'timeout' ? TIMEOUT_SECONDS : 0 }
}

/** Timeout longer than everything before the sleep takes; stops of the daemon do not stop the command. */
const TIMEOUT_SECONDS = 8
