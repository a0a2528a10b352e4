// What V8 is told of its heap, a while after the start, and that this V8 knows it: an unknown flag is passed over.

import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { GROWTH, openHeapGrowth } from '../../src/service/heap-growth.ts'
import { until } from '../support/until.ts'

t.test('the flag is set once', async (t) => {
  const flags: string[] = []
  using _ = openHeapGrowth({ afterMs: 1, set: (flag) => void flags.push(flag) })
  await until('it is set', () => flags.length > 0)
  await pause(20)
  t.same(flags, [GROWTH])
})

t.test('and not once its owner is closed', async (t) => {
  const flags: string[] = []
  openHeapGrowth({ afterMs: 1, set: (flag) => void flags.push(flag) })[Symbol.dispose]()
  await pause(20)
  t.same(flags, [])
})

t.test('V8 knows it, and takes it while it runs', async (t) => {
  const name = GROWTH.split('=')[0] ?? ''
  t.match(execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }), name)
  using _ = openHeapGrowth({ afterMs: 0 })
  await pause(20)
  const filled = Array.from({ length: 100 }, (_, i) => Array.from({ length: 10_000 }, (_, j) => ({ i, j })))
  t.equal(filled.at(-1)?.at(-1)?.j, 9999)
})
