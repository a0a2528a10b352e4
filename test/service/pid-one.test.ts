// The daemon as the first process of a container without an init (E-12): it reaps what is not
// its own, ends in order at a signal that the kernel gives to no first process by default, and keeps every exit code
// right, its own included.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { COMMAND, TOKEN } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const NAMESPACE = ['--fork', '--pid', '--mount-proc', '--kill-child'] as const
const NO_NAMESPACES = { skip: 'no PID namespaces here' }
const haveNamespaces = spawnSync('unshare', [...NAMESPACE, 'true']).status === 0

interface Container {
  /** Of the daemon, as this side counts. */
  readonly pid: number
  readonly ended: Promise<number | null>
  readonly said: () => string
  readonly exec: (line: string) => Promise<{ readonly stdout: string; readonly exit_code: number }>
}

async function openContainer(t: Test): Promise<Container> {
  const directory = t.testdir()
  const env = { PATH: process.env['PATH'] ?? '', HOME: directory, RUNTIME_TOKEN: TOKEN }
  const child = spawn('unshare', [...NAMESPACE, ...COMMAND, '--port', '0', '--workdir', directory], {
    env: { ...env, XDG_CACHE_HOME: join(import.meta.dirname, '../../.tap/cache') },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'close').then(() => child.exitCode)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  const address = () => /ready on (http:\S+),/.exec(said)?.[1]
  await until('the daemon is ready or has ended', () => address() !== undefined || child.exitCode !== null)
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').split(' ')[0])
  return {
    pid,
    ended,
    said: () => said,
    async exec(line) {
      const response = await fetch(`${address()}/exec`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ command: ['sh', '-c', line], timeout_seconds: 60 }),
      })
      return (await response.json()) as { stdout: string; exit_code: number }
    },
  }
}

t.test('E-12 as PID 1: 2,000 orphans are reaped, and 200 exit codes are right meanwhile', async (t) => {
  if (!haveNamespaces) return void t.pass('needs a capability', NO_NAMESPACES)
  const { exec, pid, ended } = await openContainer(t)
  t.match(
    await exec('cut -d" " -f4 /proc/$$/stat; tr "\\0" " " < /proc/1/cmdline'),
    { stdout: /^1\n/ },
    'its parent is PID 1',
  )
  const orphans = exec('i=0; while [ $i -lt 2000 ]; do (true & true &); i=$((i+1)); done; exit 77')
  const codes: number[] = []
  for (let batch = 0; batch < 10; batch++) {
    const some = Array.from({ length: 20 }, (_, index) => exec(`(true &); exit ${batch * 20 + index}`))
    codes.push(...(await Promise.all(some)).map(({ exit_code }) => exit_code))
  }
  t.same(codes, codes.map((_, index) => index)) // prettier-ignore
  t.equal((await orphans).exit_code, 77)
  const zombies = 'cat /proc/[0-9]*/stat 2>/dev/null | grep -c ") Z 1 "'
  await until('no zombies are left', async () => (await exec(zombies)).stdout === '0\n')
  process.kill(pid, 'SIGTERM')
  t.equal(await ended, 0)
})

t.test('as PID 1 a signal ends it in order, with all that still runs', async (t) => {
  if (!haveNamespaces) return void t.pass('needs a capability', NO_NAMESPACES)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { exec, pid, ended } = await openContainer(t)
    t.match(await exec('setsid sleep 1000 & (trap "" TERM; exec sleep 1000) & exit 3'), { exit_code: 3 })
    process.kill(pid, signal)
    t.equal(await ended, 0, signal)
  }
})

t.test('as PID 1 a second signal ends it at once', async (t) => {
  if (!haveNamespaces) return void t.pass('needs a capability', NO_NAMESPACES)
  const { exec, pid, ended, said } = await openContainer(t)
  const running = exec('echo $$ > started; exec sleep 1000').catch(() => undefined)
  await until('it runs', async () => (await exec('cat started')).exit_code === 0)
  process.kill(pid, 'SIGTERM')
  await until('it waits for the call', () => said().includes('stopping'))
  process.kill(pid, 'SIGTERM')
  t.equal(await ended, 1)
  await running
})

t.test('as PID 1 a wrong configuration is exit code 2 all the same', async (t) => {
  if (!haveNamespaces) return void t.pass('needs a capability', NO_NAMESPACES)
  const { status, stderr } = spawnSync('unshare', [...NAMESPACE, ...COMMAND, '--port', 'x'], { encoding: 'utf8' })
  t.equal(status, 2)
  t.match(stderr, /the port is "x"/)
})
