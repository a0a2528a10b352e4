// The one place where a tool's value becomes short enough for one message. A tool that can be asked for less is asked
// again, with smaller limits, so that its own account of the rest is exact. Other tools are cut by their `cut`, or lose
// the ends of their longest parts. The answer always says that something is missing, and names the call for it if there
// is one.

import { Fault } from '../../../base/fault.ts'
import { Blocks, type Fields, type Operation } from '../../../operation.ts'
import { excess, type Budget } from '../protocol/budget.ts'
import { cutAnything } from '../text/cut-anything.ts'
import { plainBody } from '../text/plain-body.ts'

export interface Asking {
  readonly op: Operation
  readonly asked: Fields
  readonly budget: Budget
  /** True if the body stands in the message twice. */
  readonly structured: boolean
  /** Runs the operation again with these arguments beside those of the call. */
  readonly again: (more: Fields) => Promise<Fields | Blocks>
}

/** Part of the budget to aim at: two thirds at once are better than a second try for nine tenths. */
const SHARE = 0.85
const MOST_TRIES = 8

/** Returns the answer itself if it is short enough, with the call for the part that its own limits left out. */
export async function fitted(answer: Fields, asking: Asking): Promise<Fields> {
  const rest = asking.op.tool?.fit?.rest?.(answer, asking.asked) ?? {}
  const came = Object.keys(rest).length === 0 ? answer : { ...answer, ...rest }
  const over = await excess(came, asking.budget, asking.structured)
  if (over <= 1) return came
  return (await askedForLess(came, over, asking)) ?? (await cutToFit(plainBody(came), asking))
}

/** Returns undefined if the tool has no limits that could be smaller, or changes something when it runs. */
async function askedForLess(came: Fields, over: number, asking: Asking): Promise<Fields | undefined> {
  const { op, asked, budget, structured, again } = asking
  const { less, marks } = op.tool?.fit ?? {}
  if (less === undefined || op.tool?.hints.readOnly !== true) return undefined
  let args: Fields = {}
  let body = came
  let factor = over
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const next = less(body, { ...asked, ...args }, SHARE / factor)
    if (next === undefined) return undefined
    args = { ...args, ...next }
    const answer = await again(args)
    if (answer instanceof Blocks) return undefined // a tool of fields answers no blocks
    body = plainBody(answer)
    const marked = { ...body, ...marks?.(body, asked, came) }
    factor = await excess(marked, budget, structured)
    if (factor <= 1) return marked
  }
  return undefined
}

async function cutToFit(came: Fields, asking: Asking): Promise<Fields> {
  const { op, asked, budget, structured } = asking
  const { cut = cutAnything, marks } = op.tool?.fit ?? {}
  let room = Math.floor(Math.min(budget.text, budget.message / (structured ? 2 : 1)) * SHARE)
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const short = (tries < MOST_TRIES / 2 ? cut : cutAnything)(came, room)
    const marked = { ...short, ...marks?.(short, asked, came) }
    const factor = await excess(marked, budget, structured)
    if (factor <= 1) return marked
    room = Math.floor((room * SHARE) / factor)
  }
  throw new Fault('payload_too_large', `the answer of ${op.name} does not fit in ${budget.message} bytes`, {
    details: { limit: budget.message, unit: 'bytes' },
  })
}
