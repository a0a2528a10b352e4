// Commands that outlive the daemon: ids are never given twice, commands that run on are known to the next life, which
// can end them, and runs none of them again.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runCommand } from '../support/command.ts'
import { COMMAND, startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { pidIn, runs } from '../support/exec.ts'
import { until } from '../support/until.ts'

/** A state directory that outlives its daemons. */
function stateOf(t: Test): { readonly XDG_STATE_HOME: string } {
  const directory = mkdtempSync(join(tmpdir(), 'lives-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return { XDG_STATE_HOME: directory }
}

const background = async (daemon: Daemon, line: string): Promise<{ id: string; pid: number }> => {
  const { body } = await daemon.call('POST', '/exec', { command: ['sh', '-c', line], background: true })
  return { id: body.id, pid: body.guest_pid }
}

const idOf = async (daemon: Daemon): Promise<number> =>
  Number((await daemon.call('POST', '/exec', { command: ['true'] })).body.id)

t.test('ids go on after a restart and after a kill, small and decimal', async (t) => {
  const env = stateOf(t)
  const seen = new Set<number>()
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGKILL'] as const) {
    const daemon = await startDaemon(t, { env })
    for (let count = 0; count < 3; count++) {
      const id = await idOf(daemon)
      t.ok(id > 0 && id < 1e6 && !seen.has(id), `${id}`)
      seen.add(id)
    }
    await daemon.stop(signal)
  }
  t.ok(seen.has(1), 'the first is 1')
})

t.test('daemons that share a state directory share no id', async (t) => {
  const env = stateOf(t)
  const daemons = await Promise.all(Array.from({ length: 5 }, () => startDaemon(t, { env })))
  const ids = (await Promise.all(daemons.map(async (one) => [await idOf(one), await idOf(one)]))).flat()
  t.equal(new Set(ids).size, ids.length, ids.join())
  const { pid } = await background(daemons[0] as Daemon, 'sleep 801')
  const { body } = await (daemons[1] as Daemon).call('GET', '/exec')
  t.notMatch(JSON.stringify(body), /orphaned/, 'nor takes one the other’s commands for left ones')
  t.ok(runs(pid))
})

t.test('without a state directory that can be written ids are from the clock', async (t) => {
  const env = stateOf(t)
  writeFileSync(join(env.XDG_STATE_HOME, 'workspace-runtime'), 'in the way')
  let last = 0
  for (let life = 0; life < 2; life++) {
    const daemon = await startDaemon(t, { env })
    for (let count = 0; count < 3; count++) {
      const id = await idOf(daemon)
      t.ok(id > last && Number.isSafeInteger(id), `${id} after ${last}`)
      last = id
    }
    await daemon.stop()
  }
})

t.test('what runs on after a kill is listed, told of, ended by DELETE, and not run again', async (t) => {
  const env = stateOf(t)
  const first = await startDaemon(t, { env })
  const trace = join(first.directory, 'trace')
  const one = await background(first, `echo run >> ${trace}; trap "" TERM; sleep 801; sleep 802`)
  const two = await background(first, 'set -m; sleep 803 & setsid sleep 804 & exit 0')
  const three = await background(first, 'exec env -i sleep 805')
  await until('they run', () => existsSync(trace))
  await first.call('POST', '/exec', { command: ['true'] })
  const keep = join(env.XDG_STATE_HOME, 'trace')
  writeFileSync(keep, readFileSync(trace))
  await first.stop('SIGKILL')
  const doctor = await runCommand(['doctor', '--port', '0', '--json'], { ...env, HOME: first.directory })
  t.match(doctor.stdout, new RegExp(`2 commands of an earlier life .*${one.id}, ${two.id}`))

  const second = await startDaemon(t, { env })
  const list = async () => (await second.call('GET', '/exec')).body.tasks
  t.match(await list(), [
    { id: one.id, status: 'orphaned', guest_pid: one.pid, exit_code: -1, command: ['sh', '-c', String] },
    { id: two.id, status: 'orphaned', guest_pid: two.pid },
  ])
  t.match((await second.call('GET', `/exec/${one.id}`)).body, {
    status: 'orphaned',
    stdout: '',
    stdout_truncated: true,
  })
  for (const [method, path] of [
    ['POST', `/exec/${one.id}/input`],
    ['POST', `/exec/${one.id}/input?eof=true`],
    ['GET', `/exec/stream?task_id=${one.id}`],
    ['DELETE', `/exec/${one.id}?keep_process=true`],
  ] as const) {
    const reply = await second.call(method, path, method === 'POST' ? { text: 'x' } : undefined)
    t.match(reply, { status: 409, body: { code: 'conflict', error: /before the daemon was killed/ } }, path)
  }
  t.ok(runs(one.pid), 'none of them ended it')
  const { body: detail } = await second.call('GET', '/health/detail')
  t.match(detail.problems.join(), new RegExp(`2 commands of an earlier life .*${one.id}, ${two.id}`))
  t.ok(detail.conditions.some(({ id }: { id: string }) => id === 'orphaned_commands'))
  t.match(detail.counts, { execs_orphaned: 2 })
  t.ok(runs(three.pid), 'one that has cleared its environment is not known')
  process.kill(three.pid, 'SIGKILL')

  t.match((await second.call('DELETE', `/exec/${one.id}`)).body, { success: true, id: one.id })
  t.notOk(runs(one.pid))
  t.match(await list(), [{ id: two.id }])
  t.match((await second.call('DELETE', '/exec')).body, { deleted: 1 })
  t.same(await list(), [])
  const { body: after } = await second.call('GET', '/health/detail')
  t.notOk(
    after.conditions.some(({ id }: { id: string }) => id === 'orphaned_commands'),
    'the condition ends with the last of them',
  )
  t.equal(readFileSync(keep, 'latin1'), 'run\n')
  t.match(await second.call('GET', `/exec/${one.id}`), { status: 404 })
  t.match(await second.call('DELETE', `/exec/${one.id}`), { status: 404 })
  spawnSync('pkill', ['-x', '-f', 'sleep 804'])
})

t.test('a daemon inside a command, and its commands, are not the outer one’s', async (t) => {
  const env = stateOf(t)
  const outer = await startDaemon(t, { env })
  const inner = join(outer.directory, 'inner')
  mkdirSync(inner)
  const state = { RUNTIME_TOKEN: TOKEN, XDG_STATE_HOME: inner }
  const command = [...COMMAND, '--port', '0']
  const { body } = await outer.call('POST', '/exec', { command, env: state, background: true })
  let port = ''
  await until('the inner one is ready', async () => {
    const { body: now } = await outer.call('GET', `/exec/${body.id}`)
    port = /ready on http:\/\/\S*:(\d+)/.exec(now.stderr)?.[1] ?? ''
    return port !== ''
  })
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const ask = JSON.stringify({ command: ['sleep', '806'], background: true })
  const answer = await fetch(`http://127.0.0.1:${port}/exec`, { method: 'POST', headers, body: ask })
  const { guest_pid: deep } = (await answer.json()) as { guest_pid: number }
  await outer.stop('SIGKILL')
  const next = await startDaemon(t, { env })
  const { body: listed } = await next.call('GET', '/exec')
  t.match(listed.tasks, [{ id: body.id, status: 'orphaned', guest_pid: body.guest_pid }])
  t.equal(listed.tasks.length, 1)
  t.ok(runs(deep))
  await next.call('DELETE', `/exec/${body.id}`)
  await until('the inner daemon has ended its own', () => !runs(deep))
})

t.test('what left the session of a command is named when the command is deleted', async (t) => {
  const daemon = await startDaemon(t)
  const { body } = await daemon.call('POST', '/exec', {
    command: ['sh', '-c', 'setsid sleep 807 >/dev/null 2>&1 & echo $!'],
  })
  const away = pidIn(body.stdout)
  t.teardown(() => void (runs(away) && process.kill(away, 'SIGKILL')))
  await until('it has left', () => readFileSync(`/proc/${away}/stat`, 'latin1').includes('(sleep)'))
  const { body: gone } = await daemon.call('DELETE', `/exec/${body.id}`)
  t.match(gone, { survived: true, survivors: [{ pid: away, name: 'sleep', session: away }] })
  t.ok(runs(away))
})
