// What `npm run soak` concludes from what it has seen (Z-07).

import t from 'tap'
import { drift, leftBehind, median } from '../../scripts/soak/verdict.ts'
import { vitalsOf } from '../../scripts/soak/vitals.ts'

const minutes = (count: number, least: (minute: number) => number) =>
  Array.from({ length: count }, (_, minute) => ({ least: least(minute), most: 1000 }))

t.test('Z-07 growth is that of the floor, from the second third to the last', async (t) => {
  t.equal(drift(minutes(60, () => 100)), 0)
  t.ok((drift(minutes(60, (minute) => 100 + minute)) ?? 0) > 0.1)
  t.equal(drift(minutes(60, (minute) => Math.min(100 + 10 * minute, 200))), 0, 'what fills up and stays is no growth')
  t.equal(drift(minutes(60, (minute) => (minute % 7 === 0 ? 500 : 100))), 0, 'single minutes do not count')
  t.ok((drift(minutes(60, (minute) => (minute < 40 ? 100 : 90))) ?? 0) < 0, 'less is no growth')
  t.equal(drift(minutes(5, () => 100)), undefined, 'too short to say')
  t.equal(median([3, 1, 2]), 2)
})

t.test('Z-07 what is left at the end is named', async (t) => {
  const before = vitalsOf(process.pid)
  t.match(before, { terminals: 0, watches: 0, zombies: 0 })
  t.ok(before.memory > 1024 * 1024 && before.descriptors > 2 && before.threads > 1)
  t.same(leftBehind(before, before), [])
  t.same(leftBehind(before, { ...before, memory: 2 * before.memory, zombies: 3, threads: 1 }), ['zombies 3, were 0'])
})
