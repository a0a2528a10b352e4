// Health conditions of a running daemon that come and go: GET /health/detail, the log, `doctor` and `status` tell them.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Condition } from '../../src/base/conditions.ts'
import { runCommand } from '../support/command.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

async function conditionsOf(daemon: Daemon): Promise<readonly Condition[]> {
  const { body } = await daemon.call('GET', '/health/detail')
  return (body as { readonly conditions: readonly Condition[] }).conditions
}

const isSet = async (daemon: Daemon, id: string): Promise<boolean> =>
  (await conditionsOf(daemon)).some((one) => one.id === id)

t.test('a token file that becomes unusable is a condition until it is mended', async (t) => {
  const seed = join(t.testdir({ seed: TOKEN }), 'seed')
  const daemon = await startDaemon(t, { env: { RUNTIME_TOKEN: undefined as never }, args: ['--token-file', seed] })
  t.notOk(await isSet(daemon, 'token_not_reloaded'))
  writeFileSync(seed, 'short')
  await until('the condition is set', () => isSet(daemon, 'token_not_reloaded'))
  const found = (await conditionsOf(daemon)).find(({ id }) => id === 'token_not_reloaded')
  const { problems } = (await daemon.call('GET', '/health/detail')).body
  t.ok(problems.includes(found?.message), 'problems are the messages')
  t.match(found, { severity: 'error', since: /^\d{4}-.*Z$/, message: /is 5 characters long/, todo: /token rotate/ })
  t.match(daemon.stderr(), new RegExp(`"level":"error","event":"token_not_reloaded","reason":"[^"]*5 characters long`))
  writeFileSync(seed, TOKEN)
  await until('it is cleared', async () => !(await isSet(daemon, 'token_not_reloaded')))
  t.match(daemon.stderr(), /"event":"condition_over","condition":"token_not_reloaded"/)
})

t.test('a working directory that is removed and made anew; doctor and status tell of it meanwhile', async (t) => {
  const dir = t.testdir({ work: {}, home: {} })
  const [workdir, home] = [join(dir, 'work'), join(dir, 'home')]
  const daemon = await startDaemon(t, { args: ['--workdir', workdir] })
  const args = ['--port', String(daemon.port), '--workdir', home]
  const env = { HOME: home, RUNTIME_TOKEN: TOKEN }
  t.notOk(await isSet(daemon, 'workdir_not_usable'))
  rmSync(workdir, { recursive: true })
  t.ok(await isSet(daemon, 'workdir_not_usable'))
  const { stdout } = await runCommand(['doctor', '--json', ...args], env)
  const { findings } = JSON.parse(stdout) as { findings: readonly { condition?: string }[] }
  t.match(
    findings.find(({ condition }) => condition === 'workdir_not_usable'),
    { what: 'running daemon', state: 'fail', says: /cannot be entered: ENOENT/, todo: /--workdir/ },
  )
  const ids = findings.flatMap(({ condition }) => condition ?? [])
  t.equal(new Set(ids).size, ids.length, 'what doctor finds by itself is not told twice')
  t.match((await runCommand(['status', ...args], env)).stdout, /cannot be entered: ENOENT/)
  mkdirSync(workdir)
  t.notOk(await isSet(daemon, 'workdir_not_usable'))
  t.match(daemon.stderr(), /"event":"condition_over","condition":"workdir_not_usable"/)
})
