// reliability E-04: output without end, into a bounded daemon. In a process of its own, as memory is measured.

import t from 'tap'
import * as ops from '../support/exec-operations.ts'
import { openBench } from '../support/exec.ts'
import { until } from '../support/until.ts'
import { growth } from '../support/growth.ts'

const MIB = 1024 * 1024

const YES = { command: ['yes'], timeout_seconds: 2 }

t.test('E-04 yes, buffered: capped and flagged', async (t) => {
  const { run } = openBench(t)
  await run(ops.execRun, { ...YES, timeout_seconds: 0.3 }) // warm
  const grown = await growth(async () => {
    const task = await run(ops.execRun, YES)
    t.match(task, { exit_code: 124, stdout_truncated: true, status: 'failed' })
    t.equal(task.stdout.length, 16 * MIB)
    t.ok((task.stdout_bytes ?? 0) > 16 * MIB)
  })
  // The bound of 64 MiB, and what the test itself takes to parse the reply.
  t.ok(grown < 128 * MIB, `${Math.round(grown / MIB)} MiB`)
})

t.test('E-04 yes, streamed: fast, slow and absent reader', async (t) => {
  const { run, stream } = openBench(t)
  // The list is without output: looking at the task itself two hundred times a second would be what is measured.
  const statusOf = async (id: string | undefined) =>
    (await run(ops.execList)).tasks.find((one) => one.id === id)?.status
  const grown = await growth(async () => {
    const fast = await stream(ops.execRun, { ...YES, stream: true })
    let bytes = 0
    let last = ''
    for (let step = await fast.next(); step.done !== true; step = await fast.next()) {
      if ('bytes' in step.value) bytes += step.value.bytes.byteLength
      if ('event' in step.value) last = step.value.event
    }
    t.equal(last, 'exit')
    t.ok(bytes > 16 * MIB, `${bytes} bytes`)

    const slow = await stream(ops.execRun, { ...YES, timeout_seconds: 1, stream: true })
    const first = (await slow.next()).value
    const id = first !== undefined && 'data' in first ? String(first.data['task_id']) : ''
    await until('the unread task has ended', async () => (await statusOf(id)) === 'failed', 30_000)
    t.match(await run(ops.execGet, { id }), { exit_code: 124, timed_out: true })
    let unread = 0
    for (let step = await slow.next(); step.done !== true; step = await slow.next()) {
      if ('bytes' in step.value) unread += step.value.bytes.byteLength
    }
    t.ok(unread > 256 * 1024 && unread < 4 * MIB, `${unread} bytes had to be kept`)

    const absent = await stream(ops.execRun, { ...YES, timeout_seconds: 1, stream: true })
    await absent.next()
    await absent.next()
    await absent.return?.()
    const { tasks } = await run(ops.execList)
    const left = tasks.at(-1)?.id
    await until('it has run to its end', async () => (await statusOf(left)) === 'failed', 30_000)
    t.ok(((await run(ops.execGet, { id: left })).stdout_bytes ?? 0) > 16 * MIB, 'it was not held up')
  })
  t.ok(grown < 64 * MIB, `${Math.round(grown / MIB)} MiB`)
})

t.test('E-07 much stdin passes through without staying', async (t) => {
  const { run } = openBench(t)
  async function* body(chunks: number) {
    for (let i = 0; i < chunks; i++) yield await Promise.resolve(Buffer.alloc(65_536, i))
  }
  const feed = async (chunks: number) => {
    const { id } = await run(ops.execRun, { command: ['wc', '-c'], background: true })
    t.match(await run(ops.execInput, { id, eof: true }, { body: body(chunks) }), { bytes_written: chunks * 65_536 })
    await until('all is counted', async () => (await run(ops.execGet, { id })).status === 'exited', 30_000)
    t.equal((await run(ops.execGet, { id })).stdout, `${chunks * 65_536}\n`)
  }
  await feed(200) // warm
  const grown = await growth(() => feed(6000)) // 375 MiB
  t.ok(grown < 128 * MIB, `${Math.round(grown / MIB)} MiB`)
})
