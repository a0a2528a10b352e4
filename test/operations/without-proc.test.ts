// Where /proc is not mounted the daemon cannot look who is there, and takes that for no answer: what it means to end
// it kills, long scripts run or are refused in the daemon's own words, and what it cannot tell of itself is left out.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { runs } from '../support/exec.ts'
import { NO_MOUNTS } from '../support/mounting.ts'
import { until } from '../support/until.ts'

const EMPTY_PROC = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'] as const
const LONG = `: ${'x'.repeat(140_000)}\n`

t.test('without /proc', { skip: NO_MOUNTS }, async (t) => {
  t.jobs = 4 // they wait for what a process gets between TERM and KILL
  const daemon = await startDaemon(t, { wrapper: EMPTY_PROC })
  const background = async (line: string): Promise<{ id: string; pid: number }> => {
    const { body } = await daemon.call('POST', '/exec', { command: ['sh', '-c', line], background: true })
    return { id: body.id, pid: body.guest_pid }
  }

  void t.test('health and metrics are told, less what is unknown', async (t) => {
    const { status, body } = await daemon.call('GET', '/health/detail')
    t.equal(status, 200, JSON.stringify(body))
    t.equal(body.memory.resident_bytes, undefined)
    t.ok(body.memory.heap_bytes > 0)
    const metrics = await daemon.call('GET', '/metrics')
    t.equal(metrics.status, 200)
    t.notMatch(String(metrics.body), /NaN|undefined/)
  })

  void t.test('a child that ignores TERM is killed by DELETE and by the timeout', async (t) => {
    const started = join(daemon.directory, 'started')
    const { id, pid } = await background(`(trap "" TERM; touch ${started}; sleep 811; sleep 812) & wait`)
    await until('it ignores TERM', () => existsSync(started))
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim())
    const { status, body } = await daemon.call('DELETE', `/exec/${id}`)
    t.equal(status, 200)
    t.equal(body.survived, undefined)
    await until('the child is gone', () => !runs(child) && !runs(pid))
    const late = await daemon.call('POST', '/exec', {
      command: ['sh', '-c', 'echo $$; trap "" TERM; while :; do sleep 813; done'],
      timeout_seconds: 0.3,
    })
    t.match(late.body, { timed_out: true, status: 'failed', exit_code: 137 })
  })

  void t.test('a terminal that ignores the hang-up is killed', async (t) => {
    const opened = join(daemon.directory, 'opened')
    const command = ['sh', '-c', `trap "" HUP; touch ${opened}; sleep 814; sleep 815`]
    const { body } = await daemon.call('POST', '/terminals', { command })
    await until('it ignores HUP', () => existsSync(opened))
    t.equal((await daemon.call('DELETE', `/terminals/${body.id}`)).status, 200)
    await until('it is gone', () => !runs(body.pid))
  })

  void t.test('a script longer than an argument runs, and leaves nothing behind', async (t) => {
    const { body } = await daemon.call('POST', '/exec', { command: ['sh', '-c', `${LONG}echo done; exit 7`] })
    t.match(body, { exit_code: 7, stdout: 'done\n', stderr: '' })
  })
  void t.test('it stops in order', { buffered: false }, async (t) => t.equal(await daemon.stop(), 0))
})

t.test('without /proc and without a temporary directory', { skip: NO_MOUNTS }, async (t) => {
  const script = 'mount -t tmpfs none /proc && mount -o bind /tmp /tmp && mount -o remount,bind,ro /tmp && exec "$@"'
  const state = join(t.testdir({}), 'state')
  const cache = join(import.meta.dirname, '../../.tap/cache')
  const env = { XDG_STATE_HOME: state, XDG_CACHE_HOME: cache }
  const daemon = await startDaemon(t, { wrapper: ['unshare', '--mount', 'sh', '-c', script, 'sh'], env })
  const { status, body } = await daemon.call('POST', '/exec', { command: ['sh', '-c', `${LONG}echo done`] })
  t.match({ status, body }, { status: 503, body: { code: 'unavailable', error: /the script has \d+ bytes.*stdin/ } })
  t.notMatch(body.error, /\/tmp|\/proc/)
})

t.test('a read-only temporary directory keeps no long script from running', { skip: NO_MOUNTS }, async (t) => {
  const script = 'mount -o bind /tmp /tmp && mount -o remount,bind,ro /tmp && exec "$@"'
  const env = { XDG_STATE_HOME: join(t.testdir({}), 'state') }
  const daemon = await startDaemon(t, { wrapper: ['unshare', '--mount', 'sh', '-c', script, 'sh'], env })
  for (const shell of [
    ['sh', '-c'],
    ['bash', '-eo', 'pipefail', '-c'],
    ['bash', '-c', '-e'],
  ]) {
    const { body } = await daemon.call('POST', '/exec', { command: [...shell, `${LONG}echo done; exit 7`] })
    t.match(body, { exit_code: 7, stdout: 'done\n', stderr: '' }, shell.join(' '))
  }
})
