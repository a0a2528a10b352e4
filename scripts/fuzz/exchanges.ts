// Runs the cases of a fuzzer that speaks HTTP: several lanes, each with a connection, take the next number when they
// are free. A case fails if its answer is a failure of ours, takes too long, or is missing.

import { chanceOf, type Random } from './chance.ts'
import { Connection, type Answer } from './connection.ts'
import type { HttpCase, Place } from './request.ts'
import type { Subject } from './subject.ts'
import type { Tally } from './tally.ts'

export interface Plan {
  readonly seed: number
  /** Number of the first case. */
  readonly from: number
  readonly count: number
  readonly lanes: number
}

export interface Stage {
  readonly subject: Subject
  readonly tally: Tally
  readonly application: number
  /** Called with the number of cases that are done. */
  readonly done: (this: void, cases: number) => void
}

export interface HttpFuzzer {
  readonly name: string
  readonly make: (random: Random, place: Place) => HttpCase
}

/** Cases after which the ground is emptied: their files would make each listing longer. */
const SWEEP = 2_000
/** Cases without an answer after which the fuzzer checks if the daemon has ended. */
const GIVE_UP_FAILURES = 50

export async function runExchanges(fuzzer: HttpFuzzer, plan: Plan, stage: Stage): Promise<void> {
  const { subject, tally, application } = stage
  const place = { ground: subject.sandbox.ground, application }
  let next = plan.from
  let swept: Promise<void> | undefined
  const lane = async (number: number): Promise<void> => {
    const connection = new Connection(subject.port, number)
    while (next < plan.from + plan.count && subject.alive && tally.failed < GIVE_UP_FAILURES) {
      const index = next++
      const one = fuzzer.make(chanceOf(plan.seed, fuzzer.name, index), place)
      if (judge(tally, index, one, await connection.exchange(one))) {
        await tally.again(index, async () => (await connection.exchange(one)).ms)
      }
      stage.done(++tally.cases)
      if (tally.cases % SWEEP === 0) swept ??= subject.sandbox.sweep().finally(() => (swept = undefined))
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: plan.lanes }, (_, number) => lane(number)))
  await swept
}

/** Only reasons for 500 (protocol.md#exec): a command that cannot be started. */
const STARTS = /"code":"(command_not_found|not_executable|spawn_failed)"/

/** Returns true if the case was slow and must be tried again. */
function judge(tally: Tally, index: number, one: HttpCase, { statuses, text, ms, hung }: Answer): boolean {
  if (one.authenticated) tally.authenticated++
  const [first] = statuses
  tally.count(first === undefined ? (hung ? 'hung' : 'closed') : String(first))
  if (hung) tally.fail(index, `no answer after ${Math.round(ms)} ms`)
  if (text.includes('internal_error')) tally.fail(index, `internal_error: ${text.slice(0, 600)}`)
  else if (statuses.includes(500) && !STARTS.test(text)) tally.fail(index, `500: ${text.slice(0, 600)}`)
  if (one.answers !== undefined && statuses.length !== one.answers && !hung) {
    tally.fail(index, `${statuses.length} answers instead of ${one.answers}: ${text.slice(0, 200)}`)
  }
  return !hung && tally.took(index, ms)
}
