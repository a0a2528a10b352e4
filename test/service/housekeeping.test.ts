// Free memory goes back once there is enough of it, and not before.

import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { trimHeap } from '../../src/native/heap.ts'
import { openHeapTrim } from '../../src/service/housekeeping.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024

t.test('a trim where there are 2 MiB more than the last one left', async (t) => {
  let resident = 50 * MIB
  let trims = 0
  const trim = async (): Promise<boolean> => {
    trims++
    resident -= 10 * MIB
    return true
  }
  using _ = openHeapTrim({ lookMs: 1, resident: () => resident, trim })
  await pause(20)
  t.equal(trims, 0, 'idle')
  resident = 52 * MIB
  await until('it is trimmed', () => trims === 1)
  await pause(20)
  t.equal(trims, 1, '42 MiB are what the trim left')
  resident = 30 * MIB
  await pause(20)
  resident = 33 * MIB
  await until('it is trimmed again', () => trims === 2)
})

t.test('where the library has no such call nothing is asked again', async (t) => {
  let asked = 0
  const trim = async (): Promise<boolean> => {
    asked++
    return false
  }
  let resident = 0
  using _ = openHeapTrim({ lookMs: 1, resident: () => (resident += 3 * MIB), trim })
  await until('it is asked', () => asked > 0)
  await pause(20)
  t.equal(asked, 1)
})

t.test('glibc gives back what is free', async (t) => {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } } // Node's format
  t.equal(await trimHeap(), header.glibcVersionRuntime !== undefined)
})
