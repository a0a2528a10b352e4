// Starts are spread over the turns of the loop, in their order.

import t from 'tap'
import { StartPace } from '../../../src/workspace/processes/start-pace.ts'

t.test('the first start of a turn waits for nothing, those behind it get one turn each, in order', async (t) => {
  const pace = new StartPace()
  const order: string[] = []
  t.equal(pace.turn(), undefined)
  const waiting = ['b', 'c', 'd'].map(async (name) => {
    await pace.turn()
    order.push(name)
    process.nextTick(() => order.push('-'))
  })
  await Promise.all(waiting)
  t.strictSame(order, ['b', '-', 'c', '-', 'd'])
})

t.test('once all have started, the next starts at once again', async (t) => {
  const pace = new StartPace()
  void pace.turn()
  await pace.turn()
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(pace.turn(), undefined)
})
