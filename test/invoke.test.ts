// The failures of the gate: every error of an operation reaches its caller as a Fault.

import t from 'tap'
import { Fault, faultOf, noticeOf } from '../src/base/fault.ts'
import { openGate } from '../src/invoke.ts'
import { type Log, openLog } from '../src/base/log.ts'
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
  // The operation uses nothing of the workspace.
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

const broken = operation({
  name: 'broken',
  title: 'Breaks',
  summary: 'Fails as a worker with a defect does.',
  scope: 'none',
  input: Type.Object({}),
  output: Type.Object({}),
  routes: [],
  async run() {
    throw faultOf(structuredClone(noticeOf(new TypeError('x is null'), 'the walk')))
  },
})

t.test('a defect of a worker is told with its sentence, and the log has its stack', async (t) => {
  const logged: object[] = []
  const log: Log = { ...openLog('silent'), error: (event, fields) => void logged.push({ event, ...fields }) }
  // The operation uses nothing of the workspace.
  const gate = openGate({ accessFor: () => EVERYTHING } as unknown as Workspace, { concurrency: 1, rate: 0 }, log)
  const call = gate.invoke(broken, {
    raw: {},
    rules: { unknown: 'report' },
    caller: { id: 'test', scopes: 'all', expiresAt: undefined },
    signal: new AbortController().signal,
    requestId: '1',
    via: 'rest',
  })
  await t.rejects(call, { code: 'internal_error', message: 'the walk failed: TypeError: x is null' })
  t.match(logged, [
    { event: 'internal_error', operation: 'broken', request_id: '1', stack: /x is null\n.*invoke\.test/ },
  ])
  t.equal(logged.length, 1)
})
