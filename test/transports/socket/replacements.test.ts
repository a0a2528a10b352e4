// Which clients may replace older ones. The test has the clock.

import t from 'tap'
import { COMES_BACK_MS, Replacements, SEVERAL_MS } from '../../../src/transports/socket/replacements.ts'

t.test('a replacement now and then', async (t) => {
  const replacements = new Replacements()
  for (const now of [0, COMES_BACK_MS + 10_001, SEVERAL_MS + 10_002]) t.equal(replacements.take('a', now), true)
})

t.test('within 10 s of the last: from then on all share, each credential for itself', async (t) => {
  const replacements = new Replacements()
  t.equal(replacements.take('a', 0), true)
  t.equal(replacements.take('b', 1), true)
  t.equal(replacements.take('a', COMES_BACK_MS - 1), false)
  t.equal(replacements.take('a', COMES_BACK_MS * 100), false)
  t.equal(replacements.take('b', COMES_BACK_MS * 100), true)
  replacements.forget('a')
  t.equal(replacements.take('a', COMES_BACK_MS * 100 + 1), true)
})

t.test('the third within 30 s', async (t) => {
  const replacements = new Replacements()
  t.strictSame(
    [0, 14_000, 29_999, 90_000].map((now) => replacements.take('a', now)),
    [true, true, false, false],
  )
  const slower = new Replacements()
  t.strictSame(
    [0, 14_000, 30_000, 45_000].map((now) => slower.take('a', now)),
    [true, true, true, true],
  )
})
