// What clients of exec depend on (protocol.md#exec, protocol.md#tolerant-input), by the operations themselves.

import t from 'tap'
import * as ops from '../support/exec-operations.ts'
import { collect, openBench, pidIn, runs } from '../support/exec.ts'
import { until } from '../support/until.ts'

const sh = (script: string, more: Record<string, unknown> = {}) => ({ command: ['sh', '-c', script], ...more })

t.test('a finished command is the whole task object', async (t) => {
  const { run } = openBench(t)
  const task = await run(ops.execRun, { cmd: ['sh', '-c', 'echo α; echo err >&2; exit 7'], command: ['ignored'] })
  t.match(task, {
    id: /^\d+$/,
    command: ['sh', '-c', 'echo α; echo err >&2; exit 7'],
    status: 'exited',
    guest_pid: Number,
    exit_code: 7,
    stdout: 'α\n',
    stderr: 'err\n',
    created_at: /^\d{4}-.*Z$/,
    started_at: /Z$/,
    exited_at: /Z$/,
    ttl_seconds: 300,
    cpu_user_ms: Number,
    cpu_system_ms: Number,
    cwd: '/tmp',
    exec_mode: 'auto',
  })
  for (const flag of [
    'error',
    'signal',
    'timed_out',
    'stdio_held',
    'stdout_truncated',
    'stdout_bytes',
    'stdout_lossy',
  ]) {
    t.notOk(flag in task, flag)
  }
})

t.test('modes, cwd, env and a string as command', async (t) => {
  const { run, home } = openBench(t)
  const out = async (raw: Record<string, unknown>) => (await run(ops.execRun, raw)).stdout
  t.equal(await out({ command: 'echo a | tr a b' }), 'b\n')
  t.equal(await out({ command: ['echo "a  b" $HOME'], exec_mode: 'direct' }), 'a  b $HOME\n')
  t.equal(await out({ command: ['echo', '$HOME;', 'echo', 'x'], exec_mode: 'shell' }), `${home}\nx\n`)
  const wrapped = ['timeout', '60', 'env', 'A=1', 'bash', '-c', 'echo $A; echo two']
  t.equal(await out({ command: wrapped, exec_mode: 'shell' }), '1\ntwo\n', 'the script stays one word')
  const long = `A=1; ${'#'.repeat(200 * 1024)}\necho $A`
  t.equal(await out({ command: ['timeout', '60', 'bash', '-c', long] }), '1\n', 'longer than one argument may be')
  for (const exec_mode of ['auto', 'direct', 'foreground', 'nonsense']) {
    t.equal(
      await out({ command: ['bash', '-lc', 'cd / && pwd; echo "$X" | cat'], exec_mode, env: { X: 'y z' } }),
      '/\ny z\n',
    )
  }
  t.equal(await out({ command: ['pwd'], cwd: '/usr' }), '/usr\n')
  t.equal(await out({ command: ['printenv', 'PWD', 'HOME'], cwd: '/usr' }), `/usr\n${home}\n`)
})

t.test('what cannot start is a fault that says why, before any stream', async (t) => {
  const { run, stream, tasks } = openBench(t)
  await t.rejects(run(ops.execRun, { command: ['no-such-program-here'] }), { code: 'command_not_found' })
  await t.rejects(stream(ops.execRun, { command: ['no-such-program-here'] }, { fixed: { stream: true } }), {
    code: 'command_not_found',
  })
  await t.rejects(run(ops.execRun, { command: ['true'], cwd: '/no/such' }), { code: 'bad_cwd' })
  await t.rejects(run(ops.execRun, {}), { code: 'bad_request', message: /command is missing \(also taken: cmd\)/ })
  t.equal(tasks.running, 0)
  t.same((await run(ops.execList)).tasks, [])
})

t.test('a detached child with its output elsewhere: the shell returns, the child lives, no flag', async (t) => {
  const { run } = openBench(t)
  // Until it is `sleep` it has the shell's output and is in the shell's group, which is ended.
  const begun = 'until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done'
  const task = await run(ops.execRun, sh(`setsid sleep 3600 >/dev/null 2>&1 </dev/null & echo $!; ${begun}`))
  t.match(task, { exit_code: 0, stdio_held: undefined })
  const pid = pidIn(task.stdout)
  await run(ops.execDelete, { id: task.id })
  t.equal(runs(pid), true)
  process.kill(pid, 'SIGKILL')
})

t.test('background, list, get, delete', async (t) => {
  const { run } = openBench(t)
  const task = await run(ops.execRun, sh('echo begun; sleep 60 & wait', { background: true }))
  t.match(task, { status: 'running', exit_code: -1, stdout: '', guest_pid: Number })
  await until('its output is there', async () => (await run(ops.execGet, { id: task.id })).stdout === 'begun\n')
  const { tasks } = await run(ops.execList)
  t.match(tasks, [{ id: task.id, status: 'running', exit_code: -1 }])
  t.notOk('stdout' in (tasks[0] ?? {}))
  await run(ops.execDelete, { id: task.id })
  t.equal(runs(task.guest_pid), false)
  for (const op of [ops.execGet, ops.execDelete, ops.execInput])
    await t.rejects(run(op, { id: task.id, input: '' }), { code: 'not_found' })
  await t.rejects(run(ops.execAttach, { task_id: task.id }), { code: 'not_found' })
  const kept = await run(ops.execRun, { command: ['sleep', '60'], background: true })
  await run(ops.execDelete, { id: kept.id, keep_process: 'true' })
  t.equal(runs(kept.guest_pid), true)
})

t.test('DELETE answers a caller who waits: failed, a code that is not 0, and all the output', async (t) => {
  const { run } = openBench(t)
  // A TERM that finds the child before it is `sleep` is lost: it has the shell's handler still.
  const begun = 'until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done'
  const waited = run(ops.execRun, sh(`trap "exit 0" TERM; sleep 60 & ${begun}; echo here; wait`))
  await until(
    'it has begun',
    async () => (await run(ops.execGet, { id: '1' }).catch(() => undefined))?.stdout === 'here\n',
  )
  await run(ops.execDelete, { id: 1 })
  t.match(await waited, { status: 'failed', exit_code: 143, error: /ended on request/, stdout: 'here\n' })
})

t.test('DELETE of a finished task ends what it left in its group', async (t) => {
  const { run } = openBench(t)
  const task = await run(ops.execRun, sh('sleep 3600 >/dev/null 2>&1 & echo $!'))
  t.equal(runs(pidIn(task.stdout)), true)
  await run(ops.execDelete, { id: task.id })
  await until('it is gone', () => !runs(pidIn(task.stdout)))
})

t.test('a caller who leaves does not end the command, unless asked to', async (t) => {
  const { run, stream } = openBench(t)
  for (const kill_on_disconnect of [false, true]) {
    const caller = new AbortController()
    const waited = run(ops.execRun, sh('sleep 60', { kill_on_disconnect }), { signal: caller.signal })
    const frames = await stream(ops.execRun, sh('sleep 60', { kill_on_disconnect, stream: true }), {
      signal: caller.signal,
    })
    const third = await stream(ops.execRun, sh('sleep 60', { kill_on_disconnect, stream: true }))
    await frames.next()
    await third.next()
    const pending = frames.next()
    caller.abort()
    await third.return?.()
    await t.rejects(waited, { code: 'unavailable' })
    await t.rejects(pending, { code: 'unavailable' }, 'no exit is invented')
    const { tasks } = await run(ops.execList)
    if (kill_on_disconnect)
      await until('they ended', async () => (await run(ops.execList)).tasks.every((task) => task.status === 'failed'))
    else
      t.same(
        tasks.map((task) => task.status),
        ['running', 'running', 'running'],
      )
    await run(ops.execDeleteAll)
  }
})

t.test('attach: finished in one piece or in chunks, running from what is kept to the end', async (t) => {
  const { run, stream } = openBench(t)
  const done = await run(ops.execRun, sh('echo out; echo err >&2; exit 4'))
  const output = await collect(await stream(ops.execAttach, { task_id: done.id }))
  t.match(output.frames, [
    { event: 'output', data: { stdout: 'out\n', stderr: 'err\n' } },
    { event: 'exit', data: { exit_code: 4, pid: done.guest_pid, status: 'exited' } },
  ])
  const chunks = await collect(await stream(ops.execAttach, { task_id: done.id, replay: 'chunks' }))
  t.match(chunks, { stdout: 'out\n', stderr: 'err\n', exit: { exit_code: 4 } })

  const live = await run(ops.execRun, sh('echo one; read x; echo two', { background: true }))
  await until('one is there', async () => (await run(ops.execGet, { id: live.id })).stdout === 'one\n')
  const attached = await stream(ops.execAttach, { id: live.id })
  t.match((await attached.next()).value, { event: 'stdout', bytes: Buffer.from('one\n') })
  await run(ops.execInput, { id: live.id, input: '\n' })
  t.match(await collect(attached), { events: ['stdout', 'exit'], stdout: 'two\n' })

  const long = await run(ops.execRun, sh('head -c 1000000 /dev/zero'))
  const late = await collect(await stream(ops.execAttach, { task_id: long.id, replay: 'chunks' }))
  t.match(late.frames[0], { event: 'gap', data: { stdout_bytes: 1_000_000 - 262_144, stderr_bytes: 0 } })
  t.equal(late.stdout.length, 262_144)
})

t.test('output that is not UTF-8 or too long says so', async (t) => {
  const { run } = openBench(t)
  t.match(await run(ops.execRun, sh("printf 'a\\377b'")), { stdout: 'a�b', stdout_lossy: true })
  const long = await run(ops.execRun, sh('head -c 17825792 /dev/zero | tr "\\0" x'))
  t.match(long, { stdout_truncated: true, stdout_bytes: 17_825_792, stderr: '' })
  t.equal(long.stdout.length, 16 << 20)
  const tail = await run(ops.execGet, { id: long.id })
  t.match(tail, { stdout_truncated: true, stdout_bytes: 17_825_792 })
  t.equal(tail.stdout.length, 262_144)
  const kept = await run(
    ops.execRun,
    sh('head -c 9000000 /dev/zero | tr "\\0" x', { keep_logs: true, background: true }),
  )
  await until('it has ended', async () =>
    (await run(ops.execList)).tasks.some((task) => task.id === kept.id && task.status === 'exited'),
  )
  t.equal((await run(ops.execGet, { id: kept.id })).stdout.length, 8 << 20)
})

t.test('kept as long as ttl_seconds says', async (t) => {
  const { run } = openBench(t)
  t.match(await run(ops.execRun, { command: ['true'], ttl_seconds: -1 }), { ttl_seconds: -1 })
  t.match(await run(ops.execRun, { command: ['true'], ttl_seconds: 1 }), { ttl_seconds: 1 })
  await until('the second is forgotten', async () => (await run(ops.execList)).tasks.length === 1)
  t.match((await run(ops.execList)).tasks, [{ id: '1' }])
})

t.test('children have real pipes', async (t) => {
  const { run } = openBench(t)
  t.match(
    await run(ops.execRun, sh('echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin', { stdin: 'in' })),
    {
      stdout: 'out\nin',
      stderr: 'err\n',
    },
  )
})
