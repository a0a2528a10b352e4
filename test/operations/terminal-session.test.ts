// A terminal's session: DELETE and the daemon's stop end every process group of it, and leave alone a process that made
// a session of its own.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { runs } from '../support/exec.ts'
import { membersOf } from '../support/process-session.ts'
import { until } from '../support/until.ts'

async function open(daemon: Daemon, line: string, shell = ['sh', '-c']): Promise<{ id: string; pid: number }> {
  const { body } = await daemon.call('POST', '/terminals', { command: [...shell, line] })
  return { id: body.id, pid: body.pid }
}

// The tests wait for what the daemon gives a process between HUP and KILL: they do so beside each other.
t.jobs = 6

const shared = await startDaemon(t)

/** Ways to a process group of its own, to a stop, and to be deaf to a hang-up. */
const GROUPS = {
  'coreutils timeout': 'timeout 700 sleep 701; echo done',
  'background jobs of a shell without job control': 'sleep 701 & sleep 702 & wait',
  'job control': 'set -m; sleep 701 & sleep 702 & wait',
  'a job that is deaf to the hang-up': 'set -m; nohup sleep 701 >/dev/null 2>&1 & wait',
  'a group that is deaf to the hang-up': 'timeout 700 sh -c "trap \\"\\" HUP; sleep 701; sleep 702"; sleep 703',
  'a job that is stopped': 'set -m; sh -c "kill -STOP \\$\\$; sleep 701" & sleep 702; sleep 703',
}

for (const [name, line] of Object.entries(GROUPS)) {
  t.test(`${name}: nothing is left after DELETE`, async (t) => {
    const { id, pid } = await open(shared, line)
    await until('it has started others', () => membersOf(pid).length > 1)
    const { status, body } = await shared.call('DELETE', `/terminals/${id}`)
    t.strictSame({ status, body }, { status: 200, body: { success: true, terminal_id: id } })
    t.same(membersOf(pid), [])
  })
}

t.test('what an ended program has left behind is ended with its terminal', async (t) => {
  const daemon = await startDaemon(t)
  const { id, pid } = await open(daemon, 'set -m; nohup sleep 701 >/dev/null 2>&1 & sleep 0.2; exit 4')
  await until('it has ended', async () => (await daemon.call('GET', '/terminals')).body.terminals[0].alive === false)
  t.equal(membersOf(pid).length, 1, 'the job runs on')
  t.match((await daemon.call('DELETE', `/terminals/${id}`)).body, { success: true, survived: undefined })
  t.same(membersOf(pid), [])
})

t.test('a session of its own lives on, and is named', async (t) => {
  const daemon = await startDaemon(t)
  const { id, pid } = await open(daemon, 'setsid sh -c "echo left: $$ >&2; echo pid \\$\\$; exec sleep 701"; sleep 702')
  const printed = async (): Promise<string> =>
    (await daemon.call('GET', `/terminals/${id}/scrollback?text=true`)).body.scrollback
  await until('it has left', async () => /pid \d+/.test(await printed()))
  const left = Number(/pid (\d+)/.exec(await printed())?.[1])
  t.teardown(() => {
    if (runs(left)) process.kill(left, 'SIGKILL')
  })
  await until('it is the last program', () => readFileSync(`/proc/${left}/comm`, 'utf8') === 'sleep\n')
  const { body } = await daemon.call('DELETE', `/terminals/${id}`)
  t.same(membersOf(pid), [])
  t.ok(runs(left))
  t.match(body, { survived: true, survivors: [{ pid: left, name: 'sleep' }] })
  t.equal(body.survivors.length, 1)
})

t.test('the daemon stops: nothing is left of its terminals', async (t) => {
  const daemon = await startDaemon(t)
  const { pid } = await open(daemon, 'timeout 700 sleep 701; echo')
  await until('it has started others', () => membersOf(pid).length > 1)
  await daemon.stop()
  t.same(membersOf(pid), [])
})
