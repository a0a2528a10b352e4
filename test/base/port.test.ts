// Both ends of a worker's port: messages arrive typed and uncopied, a worker that ends by itself is one Fault with its
// sentence, told once, and the end of a worker that was told to end is no failure.

import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { Fault } from '../../src/base/fault.ts'
import { stackOf } from '../../src/base/fault.ts'
import { WorkerPort } from '../../src/base/port.ts'
import { until } from '../support/until.ts'
import type { FromEcho, ToEcho } from './port-worker.ts'

t.setTimeout(30_000)

function open(t: Test) {
  const heard: FromEcho[] = []
  const failures: Fault[] = []
  const worker = new Worker(new URL('./port-worker.ts', import.meta.url))
  const events = { heard: (one: FromEcho) => void heard.push(one), failed: (one: Fault) => void failures.push(one) }
  const port = new WorkerPort<ToEcho, FromEcho>(worker, 'the echo', events)
  t.teardown(() => port.end())
  return { port, worker, heard, failures }
}

/** Unlike `once`, this does not end with 'error', which may come in the same turn of the loop as 'exit'. */
function exitOf(worker: Worker): Promise<void> {
  return new Promise((resolve) => worker.once('exit', () => resolve()))
}

t.test('memory that is handed over is neither copied nor kept', async (t) => {
  const { port, heard, failures } = open(t)
  const bytes = new Uint8Array([1, 2, 3])
  port.say({ do: 'echo', bytes }, [bytes.buffer])
  t.equal(bytes.byteLength, 0, 'it is the worker’s')
  await until('the answer', () => heard.length === 1)
  t.strictSame(heard[0], { bytes: new Uint8Array([1, 2, 3]), left: 3 })
  await port.end()
  t.same(failures, [], 'an end that was asked for is no failure')
})

t.test('a worker that throws is one Fault with its sentence and the worker’s stack', async (t) => {
  const { port, worker, failures } = open(t)
  const exit = exitOf(worker)
  port.say({ do: 'throw' })
  await until('the failure', () => failures.length > 0)
  await exit
  t.match(failures, [{ code: 'internal_error', message: 'the echo ended: x is null' }])
  t.equal(failures.length, 1)
  t.match(stackOf(failures[0]), /TypeError: x is null\n.*port-worker\.ts/)
  t.ok(port.over)
  await port.untilExit()
})

t.test('a worker that leaves, or says what cannot be received, has failed', async (t) => {
  const left = open(t)
  left.port.say({ do: 'exit' })
  await until('the failure', () => left.failures.length > 0)
  t.match(left.failures, [{ code: 'internal_error', message: 'the echo ended: it left with code 3' }])

  const deep = open(t)
  const exit = exitOf(deep.worker)
  deep.port.say({ do: 'deep' })
  await exit
  t.match(deep.failures, [{ code: 'internal_error', message: /^the echo ended: / }], 'and does not go on')
})

t.test('the end of a worker that was told to end is no failure', async (t) => {
  const { port, failures } = open(t)
  port.say({ do: 'close' })
  await port.untilExit()
  t.same(failures, [])
})

t.test('a worker at rest ends after a while, one that is held does not, and its next listener hears it', async (t) => {
  const { port, worker, heard, failures } = open(t)
  let ends = 0
  port.rest(60_000, () => ends++)
  port.hold()
  const others: FromEcho[] = []
  port.serve({ heard: (one) => void others.push(one), failed: (one) => void failures.push(one) })
  port.say({ do: 'echo', bytes: new Uint8Array(1) })
  await until('the answer', () => others.length === 1)
  t.same([heard.length, ends, port.over], [0, 0, false])
  let left = false
  worker.once('exit', () => (left = true))
  port.rest(1, () => ends++)
  await until('the worker has ended', () => left)
  t.same([ends, port.over, failures.length], [1, true, 0])
})

t.test('a worker whose event loop stands takes the messages that have come', async (t) => {
  const { port, heard } = open(t)
  const cell = new SharedArrayBuffer(4)
  port.say({ do: 'block', cell })
  await until('it stands', () => heard.length === 1)
  port.say({ do: 'close' })
  port.say({ do: 'exit' })
  const cells = new Int32Array(cell)
  Atomics.store(cells, 0, 1)
  Atomics.notify(cells, 0)
  await until('the messages', () => heard.length === 2)
  t.same(heard, ['blocked', [{ do: 'close' }, { do: 'exit' }]])
})
