// Long commands: the soft wait of exec_run, the waits and ranges of exec_get, and output in two ends.

import t from 'tap'
import * as ops from '../support/exec-operations.ts'
import { openBench } from '../support/exec.ts'
import { until } from '../support/until.ts'

const sh = (script: string, more: Record<string, unknown> = {}) => ({ command: ['sh', '-c', script], ...more })

t.test('a wait that passes leaves the command alone, and the next call finds it', async (t) => {
  const { run } = openBench(t)
  const first = await run(ops.execRun, sh('echo begun; sleep 0.5; echo done', { wait_seconds: 0.2 }))
  t.match(first, { status: 'running', exit_code: -1, next: { tool: 'exec_get', arguments: { id: first.id } } })
  const last = await run(ops.execGet, { id: first.id, wait_seconds: 20 })
  t.match(last, { status: 'exited', exit_code: 0, stdout: 'begun\ndone\n' })
  t.notOk('next' in last)
})

t.test('a caller who leaves after the wait has passed ends nothing', async (t) => {
  const { run, tasks } = openBench(t)
  const caller = new AbortController()
  const asked = sh('sleep 60', { wait_seconds: 0.01, kill_on_disconnect: true })
  const { id } = await run(ops.execRun, asked, { signal: caller.signal })
  caller.abort()
  t.equal(tasks.get(id).end, undefined)
  await tasks.delete(id, { keepProcess: false })
})

t.test('a caller who leaves during the wait ends the command where that is asked for', async (t) => {
  const { run, tasks } = openBench(t)
  const caller = new AbortController()
  const asked = sh('sleep 60', { wait_seconds: 60, kill_on_disconnect: true })
  const answer = run(ops.execRun, asked, { signal: caller.signal })
  await until('it runs', () => tasks.running === 1)
  caller.abort()
  await t.rejects(answer, { code: 'unavailable' })
  await until('it has ended', () => tasks.running === 0)
})

t.test('output is in two ends, with offsets that fit what exec_get returns', async (t) => {
  const { run } = openBench(t)
  const task = await run(ops.execRun, sh('seq 1 200000; echo err >&2', { output_bytes: 1000, keep_logs: true }))
  const all = Array.from({ length: 200_000 }, (_, i) => `${i + 1}\n`).join('')
  const ends = task as unknown as { stdout_tail: string; stdout_tail_offset: number; stdout_bytes: number }
  const { stdout_tail, stdout_tail_offset, stdout_bytes } = ends
  const { stdout } = task
  t.equal(stdout, all.slice(0, 500))
  t.equal(stdout_tail, all.slice(-500))
  t.equal(stdout_tail_offset, all.length - 500)
  t.equal(stdout_bytes, all.length)
  t.match(task, { stderr: 'err\n', stdout_truncated: true })
  let text = ''
  for (let offset = 500; offset < stdout_tail_offset;) {
    const limit = Math.min(1_000_000, stdout_tail_offset - offset)
    const part = await run(ops.execGet, { id: task.id, stream: 'stdout', offset, limit })
    text += part.stdout
    offset = (part as unknown as { next_offset: number }).next_offset
  }
  t.equal(`${stdout}${text}${stdout_tail}` === all, true)
})

t.test('what is no longer kept is a gap with its size', async (t) => {
  const { run } = openBench(t)
  const task = await run(ops.execRun, sh('seq 1 100000'))
  const total = 588_895
  const part = await run(ops.execGet, { id: task.id, offset: 10, limit: 100 })
  const { offset, gap_bytes } = part as unknown as { offset: number; gap_bytes: number }
  t.equal(offset, total - 256 * 1024)
  t.equal(gap_bytes, offset - 10)
  t.equal(part.stdout.length, 100)
  t.match(await run(ops.execGet, { id: task.id, offset: total + 5 }), { stdout: '', offset: total, eof: true })
})

t.test('no part ends inside a character', async (t) => {
  const { run } = openBench(t)
  const task = await run(ops.execRun, sh('printf "ä%.0s" $(seq 1 1000)', { output_bytes: 257 }))
  t.match(task, { stdout: 'ä'.repeat(64), stdout_tail: 'ä'.repeat(64), stdout_tail_offset: 1872 })
  t.notOk('stdout_lossy' in task)
  const part = await run(ops.execGet, { id: task.id, offset: 0, limit: 17 })
  t.match(part, { stdout: 'ä'.repeat(8), next_offset: 16 })
})
