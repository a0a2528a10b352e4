// Limits that grow with the load of the machine.

import t from 'tap'
import { QuietTime, slowness } from '../../scripts/slowness.ts'

t.test('a quiet machine is not faster than quiet, a loaded one slower in proportion', async (t) => {
  t.equal(slowness(0, 2), 1)
  t.equal(slowness(2, 2), 1)
  t.equal(slowness(16, 2), 8)
})

t.test('time counts for less while the load is high', async (t) => {
  const limit = new QuietTime(1000)
  t.notOk(limit.spend(900, 1))
  t.notOk(limit.spend(900, 10))
  t.ok(limit.spend(10, 1))
})
