// A command's session: timeout, DELETE and the daemon's stop end every process group of it, and leave alone a process
// that made a session of its own.

import t from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { pidIn, runs } from '../support/exec.ts'
import { membersOf } from '../support/process-session.ts'
import { until } from '../support/until.ts'

// The tests wait for what the daemon gives a process between TERM and KILL: they do so beside each other.
t.jobs = 6

const daemon = await startDaemon(t)
const HEADERS = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` }

/** Ends what a test may leave. */
function endLater(pid: number): void {
  t.teardown(() => {
    if (runs(pid)) process.kill(pid, 'SIGKILL')
  })
}

async function start(one: Daemon, command: readonly string[], more: object = {}): Promise<{ id: string; pid: number }> {
  const { body } = await one.call('POST', '/exec', { command, background: true, ...more })
  return { id: body.id, pid: body.guest_pid }
}

/** Ways to a process group of its own that ordinary programs take. */
const GROUPS = {
  'coreutils timeout': 'timeout 700 sleep 701; echo done',
  'job control of a shell': 'set -m; sleep 701 & sleep 702 & wait',
  'a shell in a shell with job control': 'sh -mc "sleep 701 & wait"; true',
  'a group whose leader has gone': 'timeout 700 sh -c "sleep 701 & sleep 702 & exit"; wait; sleep 703',
  'a group that ignores TERM': 'timeout 700 sh -c "trap \\"\\" TERM; sleep 701; sleep 702"; sleep 703',
}

for (const [name, line] of Object.entries(GROUPS)) {
  t.test(`${name}: nothing is left after DELETE`, async (t) => {
    const { id, pid } = await start(daemon, ['sh', '-c', line])
    await until('it has started others', () => membersOf(pid).length > 1)
    const { status, body } = await daemon.call('DELETE', `/exec/${id}`)
    t.match(body, { success: true })
    t.equal(status, 200)
    t.equal(body.survived, undefined)
    t.same(membersOf(pid), [])
  })

  t.test(`${name}: nothing is left after the timeout`, async (t) => {
    const { body } = await daemon.call('POST', '/exec', { command: ['sh', '-c', line], timeout_seconds: 0.5 })
    t.match(body, { timed_out: true, status: 'failed' })
    t.same(membersOf(body.guest_pid), [])
  })
}

t.test('what is left of a command that has ended goes with its DELETE', async (t) => {
  const { body } = await daemon.call('POST', '/exec', {
    command: ['sh', '-c', 'set -m; sleep 701 >/dev/null 2>&1 & exit 3'],
  })
  t.match(body, { exit_code: 3 })
  t.equal(membersOf(body.guest_pid).length, 1, 'it lives on until then')
  await daemon.call('DELETE', `/exec/${body.id}`)
  t.same(membersOf(body.guest_pid), [])
})

t.test('a process that makes new groups while it is being ended does not get away', async (t) => {
  const script = 'trap "" TERM; set -m; while :; do sleep 701 & sleep 0.01; done'
  const { id, pid } = await start(daemon, ['sh', '-c', `timeout 700 sh -c '${script}'; sleep 703`])
  await until('it makes groups', () => membersOf(pid).length > 5)
  const { body } = await daemon.call('DELETE', `/exec/${id}`)
  t.equal(body.survived, undefined)
  t.same(membersOf(pid), [])
})

t.test('setsid leaves the command, and lives', async (t) => {
  const { body } = await daemon.call('POST', '/exec', {
    command: ['sh', '-c', 'setsid sleep 701 >/dev/null 2>&1 & echo $!; sleep 704'],
    timeout_seconds: 0.5,
  })
  const away = pidIn(body.stdout)
  endLater(away)
  await daemon.call('DELETE', `/exec/${body.id}`)
  t.ok(runs(away))
})

/** Leaves its session, ignores TERM or not, and tells its number. */
const LEAVES = 'setsid sleep 701 >/dev/null 2>&1 & echo $!; sleep 704'
const LEAVES_UNENDING = `trap "" TERM; ${LEAVES}; sleep 705`

for (const [name, line, code] of [
  ['SIGTERM', LEAVES, 124],
  ['SIGKILL', LEAVES_UNENDING, 137],
] as const) {
  t.test(`a timeout that takes ${name} names what had left the session, in every answer`, async (t) => {
    const { body } = await daemon.call('POST', '/exec', { command: ['sh', '-c', line], timeout_seconds: 0.5 })
    const pid = pidIn(body.stdout)
    endLater(pid)
    const named = { survived: true, survivors: [{ pid, name: 'sleep', session: pid }] }
    t.match(body, { ...named, timed_out: true, exit_code: code })
    t.match((await daemon.call('GET', `/exec/${body.id}`)).body, named)
    const { tasks } = (await daemon.call('GET', '/exec')).body
    t.match(
      tasks.find(({ id }: { id: string }) => id === body.id),
      named,
    )
    const stream = await fetch(`${daemon.url}/exec/stream?task_id=${body.id}`, { headers: HEADERS })
    t.match(await stream.text(), new RegExp(`"survivors":\\[\\{"pid":${pid},`))
    t.match((await daemon.call('DELETE', `/exec/${body.id}`)).body, named)
  })
}

t.test('a timeout names what had left the session in the exit event', async (t) => {
  const asked = { command: ['sh', '-c', LEAVES], timeout_seconds: 0.5 }
  const stream = await fetch(`${daemon.url}/exec/stream`, {
    method: 'POST',
    headers: HEADERS,
    body: JSON.stringify(asked),
  })
  const exit = JSON.parse((await stream.text()).match(/event: exit\ndata: (.*)/)?.[1] ?? '{}')
  t.match(exit, { timed_out: true, survived: true, survivors: [{ name: 'sleep' }] })
  endLater(exit.survivors[0].pid)
})

t.test('a command that its leaving client ends says later what lives on', async (t) => {
  const leaving = new AbortController()
  const body = JSON.stringify({ command: ['sh', '-c', LEAVES], kill_on_disconnect: true })
  const last = async () => (await daemon.call('GET', '/exec')).body.tasks.at(-1)
  const id = (await last())?.id
  const gone = fetch(`${daemon.url}/exec`, { method: 'POST', headers: HEADERS, body, signal: leaving.signal })
  await until('it has left', async () => {
    const now = await last()
    return now !== undefined && now.id !== id && /^\d/.test((await daemon.call('GET', `/exec/${now.id}`)).body.stdout)
  })
  leaving.abort()
  await t.rejects(gone)
  await until('it has ended', async () => (await last()).status === 'failed')
  const ended = await last()
  t.match(ended, { survived: true, survivors: [{ name: 'sleep' }] })
  endLater(ended.survivors[0].pid)
})

t.test('DELETE of all commands names what had left their sessions', async (t) => {
  const one = await startDaemon(t)
  const commands = [await start(one, ['sh', '-c', LEAVES]), await start(one, ['sh', '-c', LEAVES])]
  const done = await one.call('POST', '/exec', { command: ['sh', '-c', 'setsid sleep 701 >/dev/null 2>&1 & echo $!'] })
  const pids = [pidIn(done.body.stdout)]
  for (const { id } of commands) {
    const output = async () => (await one.call('GET', `/exec/${id}`)).body.stdout
    await until('it has left', async () => /^\d/.test(await output()))
    pids.push(pidIn(await output()))
  }
  for (const pid of pids) endLater(pid)
  const { body } = await one.call('DELETE', '/exec')
  t.match(body, { success: true, deleted: 3, survived: true })
  const inOrder = (all: readonly number[]): number[] => all.toSorted((a, b) => a - b)
  t.same(inOrder(body.survivors.map(({ pid }: { pid: number }) => pid)), inOrder(pids))
  t.same((await one.call('DELETE', '/exec')).body, { success: true, deleted: 0 })
})

t.test('the daemon’s stop ends all groups of all commands', async (t) => {
  const one = await startDaemon(t)
  const commands = await Promise.all(Object.values(GROUPS).map((line) => start(one, ['sh', '-c', line])))
  for (const { pid } of commands) await until('it runs', () => membersOf(pid).length > 1)
  t.equal(await one.stop(), 0)
  for (const { pid } of commands) t.same(membersOf(pid), [])
})
