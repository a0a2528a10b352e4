// The rows of guarantees.md#commands-e, at the counts of `npm test` (E-04: exec-memory).

import { randomBytes } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import type { Frame } from '../../src/operation.ts'
import * as ops from '../support/exec-operations.ts'
import { collect, openBench, pidIn, runs } from '../support/exec.ts'
import { until } from '../support/until.ts'

const sh = (script: string, more: Record<string, unknown> = {}) => ({ command: ['sh', '-c', script], ...more })

t.test('E-01 a process left behind does not hold the answer, nor does it die of it', async (t) => {
  const { run } = openBench(t)
  for (const form of [
    'sleep 3600 & echo ok $!',
    'setsid sh -c "echo \\$\\$; exec sleep 3600" & wait_for=$!; sleep 0.2; echo ok',
  ]) {
    const task = await run(ops.execRun, sh(form))
    t.match(task, { status: 'exited', exit_code: 0, stdio_held: true, stdout: /ok/ })
    const pid = pidIn(task.stdout)
    t.equal(runs(pid), true)
    process.kill(pid, 'SIGKILL')
  }
  const file = t.testdir() + '/alive'
  const task = await run(ops.execRun, sh(`(sleep 0.3; head -c 300000 /dev/zero; echo $? > ${file}) & echo ok`))
  t.match(task, { stdio_held: true, stdout: 'ok\n' })
  await until('the writer has written on', () => readOr(file) === '0\n')
})

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

t.test('E-02 codes and signals are exact', async (t) => {
  const { run } = openBench(t)
  for (const code of [0, 1, 4, 5, 44, 126, 127, 255]) {
    t.match(await run(ops.execRun, sh(`exit ${code}`)), { exit_code: code, status: 'exited', signal: undefined })
  }
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGKILL', 137],
    ['SIGSEGV', 139],
  ] as const) {
    const task = await run(ops.execRun, sh(`kill -${signal.slice(3)} $$`))
    t.match(task, { exit_code: code, status: 'failed', signal, error: new RegExp(signal) })
  }
  t.match(await run(ops.execRun, sh('exec >&- 2>&-; sleep 0.5; exit 44')), { exit_code: 44 })
})

t.test('E-03 streams are byte exact', async (t) => {
  const { run, stream } = openBench(t)
  const lines = await run(ops.execRun, sh('yes | head -2000'))
  t.equal(lines.stdout, 'y\n'.repeat(2000))
  t.match(await run(ops.execRun, sh('exec >&-; sleep 0.1; echo late >&2')), { stdout: '', stderr: 'late\n' })
  const bytes = randomBytes(262_144 * 4 + 7)
  const file = `${t.testdir()}/bytes`
  writeFileSync(file, bytes)
  for (const block of [10, 1000, 65_536, 262_144]) {
    const command = ['dd', `if=${file}`, `bs=${block}`, `count=${block === 10 ? 20_000 : -1}`].filter(
      (word) => word !== 'count=-1',
    )
    const got = await collect(await stream(ops.execRun, { command, stream: true }))
    t.ok(got.bytes.equals(bytes.subarray(0, block === 10 ? 200_000 : undefined)), `blocks of ${block}`)
    t.match(got.exit, { exit_code: 0 })
  }
})

t.test('E-05 a timeout ends the whole group, with KILL where TERM is ignored', async (t) => {
  const { run } = openBench(t)
  const hard = await run(
    ops.execRun,
    sh('trap "" TERM; echo partial; sleep 60 & echo $!; sleep 60', { timeout_seconds: 0.5 }),
  )
  t.match(hard, {
    status: 'failed',
    exit_code: 137,
    timed_out: true,
    error: /timed out after 0.5 s/,
    stdout: /^partial/,
  })
  t.equal(runs(pidIn(hard.stdout)), false)
  const soft = await run(ops.execRun, sh('sleep 60', { timeout_seconds: '0.2' }))
  t.match(soft, { status: 'failed', exit_code: 124, timed_out: true, signal: 'SIGTERM' })
  const calm = await run(ops.execRun, sh('trap "exit 0" TERM; while :; do sleep 0.05; done', { timeout_seconds: 1 }))
  t.match(calm, { status: 'failed', exit_code: 124, timed_out: true })
  const escaped = await run(
    ops.execRun,
    sh('setsid sh -c "echo \\$\\$; exec sleep 3600" & sleep 60', { timeout_seconds: 0.5 }),
  )
  t.match(escaped, { exit_code: 124, stdio_held: true }, 'one in a session of its own is reported')
  process.kill(pidIn(escaped.stdout), 'SIGKILL')
})

t.test('E-06 no timeout value is an immediate kill', async (t) => {
  const { run } = openBench(t)
  for (const timeout_seconds of [0, '5', 1.5, 2_147_483]) {
    t.match(
      await run(ops.execRun, sh('sleep 0.02; echo ok', { timeout_seconds })),
      { exit_code: 0, stdout: 'ok\n' },
      String(timeout_seconds),
    )
  }
  for (const timeout_seconds of [-1, Number.NaN, 2 ** 31, 1e9, 'soon']) {
    await t.rejects(run(ops.execRun, sh('true', { timeout_seconds })), {
      code: 'bad_request',
      message: /timeout_seconds/,
    })
  }
  await t.rejects(run(ops.execRun, sh('true', { ttl_seconds: -2 })), { code: 'bad_request', message: /ttl_seconds/ })
})

t.test('E-07 stdin: empty, given, too much, fed, ended', async (t) => {
  const { run, stream } = openBench(t)
  t.match(await run(ops.execRun, { command: ['cat'] }), { exit_code: 0, stdout: '' })
  t.match(await run(ops.execRun, sh('read x || echo none')), { stdout: 'none\n' })
  t.match(await run(ops.execRun, { command: ['cat'], stdin: 'given α' }), { stdout: 'given α' })
  t.match(await run(ops.execRun, { command: ['head', '-c1'], stdin: 'x'.repeat(8 << 20) }), {
    exit_code: 0,
    stdout: 'x',
  })

  const cat = await run(ops.execRun, { command: ['cat'], exec_mode: 'background', stdin: 'first ' })
  t.match(cat, { status: 'running', exit_code: -1, exited_at: undefined })
  t.match(await run(ops.execInput, { id: cat.id, data: 'second ' }), { bytes_written: 7 })
  t.match(await run(ops.execInput, { task_id: Number(cat.id), stdin: 'dGhpcmQ=', base64: true }), { bytes_written: 5 })
  const body = (async function* () {
    yield Buffer.from(' fou')
    yield Buffer.from('rth')
  })()
  t.match(await run(ops.execInput, { id: cat.id, eof: 'true' }, { body }), { bytes_written: 7 })
  await until('cat has ended', async () => (await run(ops.execGet, { id: cat.id })).status === 'exited')
  t.match(await run(ops.execGet, { id: cat.id }), { stdout: 'first second third fourth', exit_code: 0 })
  await t.rejects(run(ops.execInput, { id: cat.id, input: 'x' }), { code: 'conflict', details: { bytes_written: 0 } })
  await t.rejects(run(ops.execInput, { id: cat.id }), { code: 'bad_request' })
  await t.rejects(run(ops.execInput, { id: cat.id, input: '$', base64: true }), { code: 'bad_request' })

  const streamed = await stream(ops.execRun, { command: ['cat'], stream: true })
  const id = idOf((await streamed.next()).value)
  await run(ops.execInput, { id, input: 'x', eof: true })
  t.match(await collect(streamed), { stdout: 'x', exit: { exit_code: 0 } })
})

function idOf(frame: Frame | undefined): string {
  if (frame === undefined || !('data' in frame)) throw new Error('no task_id came')
  return String(frame.data['task_id'])
}

t.test('E-07 input waits for the child, and no longer than it or the caller lives', async (t) => {
  const { run } = openBench(t)
  async function* endless() {
    for (;;) yield Buffer.alloc(65_536)
  }
  const sleeper = await run(ops.execRun, { command: ['sleep', '3600'], background: true })
  const caller = new AbortController()
  const left = run(ops.execInput, { id: sleeper.id }, { body: endless(), signal: caller.signal })
  const waiting = run(ops.execInput, { id: sleeper.id, input: 'y' })
  setTimeout(() => caller.abort(), 200)
  await t.rejects(left, { code: 'unavailable', details: { bytes_written: 65_536 } })
  const deleted = run(ops.execDelete, { id: sleeper.id })
  await t.rejects(waiting, { code: 'conflict' })
  await deleted
  const brief = await run(ops.execRun, { command: ['sleep', '0.3'], background: true })
  await t.rejects(run(ops.execInput, { id: brief.id }, { body: endless() }), {
    code: 'conflict',
    message: /; 65536 bytes were written/,
  })
})

t.test('E-08 sizes: an argument, all arguments, a script, NUL, nothing', async (t) => {
  const { run } = openBench(t)
  await t.rejects(run(ops.execRun, { command: ['true', 'x'.repeat(131_073)] }), {
    code: 'bad_request',
    message: /131073 bytes/,
  })
  await t.rejects(run(ops.execRun, { command: ['true', ...Array.from({ length: 24 }, () => 'x'.repeat(131_000))] }), {
    code: 'payload_too_large',
  })
  for (const command of [['true', 'a\0b'], 'tr\0ue', [], '', '  ', ['']]) {
    await t.rejects(run(ops.execRun, { command }), { code: 'bad_request' }, JSON.stringify(command))
  }
  const long = `: ${'x'.repeat(10 << 20)}\necho "$0 done"; read x || echo eof; exit 3`
  t.match(await run(ops.execRun, { command: long }), { exit_code: 3, stdout: /done\neof\n$/ }, 'a script of 10 MiB')
  t.match(await run(ops.execRun, { command: ['bash', '-lc', long] }), { exit_code: 3, stdout: /done\neof\n$/ })
})

t.test('E-09 E-10 names of variables, places and programs that cannot be', async (t) => {
  const { run } = openBench(t)
  for (const env of [
    { 'A=B': 'x' },
    { '': 'x' },
    { '1A': 'x' },
    { 'A\0': 'x' },
    { A: 'x\0' },
    { A: {} },
    { A: null },
    { A: [1] },
    ['A=1'],
    'A=1',
  ]) {
    await t.rejects(run(ops.execRun, { command: ['true'], env }), { code: 'bad_request' }, JSON.stringify(env))
  }
  const dir = t.testdir({ plain: 'text', gone: {}, script: '#!/no/such/interpreter\n' })
  chmodSync(`${dir}/script`, 0o755)
  for (const cwd of [`${dir}/no`, `${dir}/plain`]) {
    await t.rejects(run(ops.execRun, { command: ['true'], cwd }), { code: 'bad_cwd', details: { cwd } })
  }
  await t.rejects(run(ops.execRun, { command: ['true'], cwd: '~/relative' }), { code: 'bad_request' })
  await t.rejects(run(ops.execRun, { command: [`${dir}/no`] }), { code: 'command_not_found' })
  await t.rejects(run(ops.execRun, { command: [`${dir}/script`] }), {
    code: 'command_not_found',
    message: /interpreter/,
  })
  await t.rejects(run(ops.execRun, { command: [`${dir}/plain`] }), { code: 'not_executable' })
  await t.rejects(run(ops.execRun, { command: [dir] }), { code: 'not_executable' })
})

t.test('E-14 all bytes, then the exit, every time', async (t) => {
  const { stream } = openBench(t)
  const script = sh('head -c 65536 /dev/zero | tr "\\0" x; exit 7', { stream: true, ttl_seconds: -1 })
  const one = async () => {
    const { events, stdout, exit } = await collect(await stream(ops.execRun, script))
    t.ok(
      events[0] === 'task_id' && events.at(-1) === 'exit' && exit['exit_code'] === 7 && stdout === 'x'.repeat(65_536),
    )
  }
  for (let round = 0; round < 25; round++) await Promise.all([one(), one(), one(), one()])
})

t.test('E-16 the limit refuses by name, a slot is free again at once', async (t) => {
  const { run, tasks } = openBench(t, { limit: 3 })
  const sleepers = await Promise.all(
    [1, 2, 3].map(() => run(ops.execRun, { command: ['sleep', '60'], background: true })),
  )
  t.equal(tasks.running, 3)
  await t.rejects(run(ops.execRun, { command: ['true'] }), {
    code: 'rate_limited',
    message: /limits.execs is 3/,
    details: { limit: 3 },
  })
  const deleted = run(ops.execDelete, { id: sleepers[0]?.id })
  const next = run(ops.execRun, { command: ['true'] })
  await deleted
  t.match(await next, { exit_code: 0 })
  t.same(await run(ops.execDeleteAll), { deleted: 3 })
  t.equal(tasks.running, 0)
})

t.test('E-16 200 in parallel and 500 in sequence leave nothing behind', async (t) => {
  const { run } = openBench(t, { limit: 256 })
  await run(ops.execRun, { command: ['true'] })
  const descriptors = () => readdirSync('/proc/self/fd').length
  const before = descriptors()
  const codes = await Promise.all(Array.from({ length: 200 }, (_, i) => run(ops.execRun, sh(`exit ${i % 100}`))))
  t.same(
    codes.map((task) => task.exit_code),
    codes.map((_, i) => i % 100),
  )
  for (let i = 0; i < 500; i++) if ((await run(ops.execRun, { command: ['true'] })).exit_code !== 0) t.fail(String(i))
  await until('all pipes are closed', () => descriptors() <= before)
  t.match(await run(ops.execDeleteAll), { deleted: 701 })
})
