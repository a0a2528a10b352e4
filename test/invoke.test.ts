// The gate's failures: whatever an operation throws, its caller is told a Fault.

import t from 'tap'
import { Fault } from '../src/base/fault.ts'
import { openGate } from '../src/invoke.ts'
import { openLog } from '../src/base/log.ts'
import { operation } from '../src/operation.ts'
import { Type } from '../src/schema.ts'
import type { Workspace } from '../src/workspace/workspace.ts'
import { EVERYTHING } from '../src/workspace/files/opening/access.ts'

const failing = operation({
  name: 'failing',
  title: 'Fails',
  summary: 'Fails, and so does its clean-up.',
  scope: 'none',
  input: Type.Object({}),
  output: Type.Object({}),
  routes: [],
  async run() {
    await using _ = {
      async [Symbol.asyncDispose]() {
        throw new Error('something is still there')
      },
    }
    throw new Fault('conflict', 'there is one already')
  },
})

t.test('a clean-up that fails too does not hide why there was one', async (t) => {
  // The operation asks nothing of the workspace.
  const gate = openGate(
    { accessFor: () => EVERYTHING } as unknown as Workspace,
    { concurrency: 1, rate: 0 },
    openLog('silent'),
  )
  const call = gate.invoke(failing, {
    raw: {},
    rules: { unknown: 'report' },
    caller: { id: 'test', scopes: 'all', expiresAt: undefined },
    signal: new AbortController().signal,
    requestId: '1',
    via: 'rest',
  })
  await t.rejects(call, { code: 'conflict', message: 'there is one already' })
})
