// What the watch of the wall clock tells, and what it does not. clock-jump.slow.test.ts moves the clock of a daemon.

import t from 'tap'
import { openClockWatch } from '../../src/service/clock-watch.ts'
import { until } from '../support/until.ts'

t.test('a clock that goes as it should is not worth a word', async (t) => {
  const jumps: number[] = []
  const { now } = Date
  t.teardown(() => (Date.now = now))
  using watch = openClockWatch({ everyMs: 5, jumped: (seconds) => jumps.push(seconds) })
  let looks = 0
  let ahead = 0
  Date.now = () => {
    looks++
    return now() + ahead
  }
  await until('it has looked', () => looks > 5)
  t.strictSame(jumps, [])
  ahead = 10_000
  await until('it has noticed', () => jumps.length > 0)
  t.equal(Math.round(jumps[0] ?? 0), 10)
  ahead = 10_500
  const before = looks
  await until('it has looked again', () => looks > before + 3)
  t.equal(jumps.length, 1, 'half a second is discipline')
  t.ok(watch)
})
