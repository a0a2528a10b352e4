// The daemon's own readings: the event loop is measured in windows that no reader empties.

import t from 'tap'
import { LoopMonitor } from '../src/daemon.ts'
import { until } from './support/until.ts'

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

t.test('two who read in turn see the same delay, again and again', async (t) => {
  using loop = new LoopMonitor()
  t.match(loop.read(), { p50: 0, p99: 0, max: 0 }, 'the first question begins the measuring')
  await until('an interval is measured', () => loop.read().max > 0)
  block(200)
  await until('the delay is noticed', () => loop.read().max >= 0.1)
  for (let reader = 0; reader < 4; reader++) t.ok(loop.read().max >= 0.1, `reader ${reader}`)
  t.ok(loop.read().utilization > 0)
})

t.test('a delay is forgotten after its windows, not before; without questions nothing is measured', async (t) => {
  const { mock } = await import('node:test')
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  using loop = new LoopMonitor()
  loop.read()
  await until('an interval is measured', () => loop.read().max > 0)
  block(300)
  await until('the delay is noticed', () => loop.read().max >= 0.2)
  mock.timers.tick(60_000)
  t.ok(loop.read().max >= 0.2, 'one minute later')
  mock.timers.tick(60_000)
  t.ok(loop.read().max < 0.2, 'two minutes later')
  mock.timers.tick(600_000)
  t.match(loop.read(), { max: 0 }, 'begun anew')
})
