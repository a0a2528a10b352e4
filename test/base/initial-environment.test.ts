// What is left of a secret in the memory that /proc/<pid>/environ shows.

import t from 'tap'
import { startOfEnvironment, valuesOf } from '../../src/base/initial-environment.ts'

t.test('values are found wherever they stand, and nothing that only looks alike', async (t) => {
  const environment = Buffer.from('A=1\0RUNTIME_TOKEN=abc\0XRUNTIME_TOKEN=no\0RUNTIME_TOKEN=\0RUNTIME_TOKEN=de')
  t.strictSame(valuesOf('RUNTIME_TOKEN', environment), [
    { at: 18, length: 3 },
    { at: 69, length: 2 },
  ])
  t.strictSame(valuesOf('RUNTIME_TOKEN', Buffer.alloc(0)), [])
})

t.test('a program may have any name', async (t) => {
  const fields = Array.from({ length: 50 }, (_, index) => String(index + 3))
  t.equal(startOfEnvironment(`1 (a) b ( ) ${fields.join(' ')}`), 50)
})
