// `doctor` on a set-up that is well and on ones that are broken on purpose, and `status` of what
// runs, what does not, and what is not ours.

import { chmodSync, existsSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { clockFinding } from '../../src/commands/doctor/machine.ts'
import { unitFacts, unitFinding } from '../../src/commands/doctor/programs.ts'
import { statusLine } from '../../src/commands/status.ts'
import { runCommand } from '../support/command.ts'
import { startDaemon, TOKEN } from '../support/daemon.ts'

interface Finding {
  readonly what: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly says: string
  readonly todo?: string
}

interface Examined {
  readonly code: number | null
  readonly ok: boolean
  readonly finding: (what: string) => Finding | undefined
}

async function examine(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Examined> {
  const { code, stdout } = await runCommand(['doctor', '--json', ...args], env)
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: readonly Finding[] }
  return { code, ok, finding: (what) => findings.find((one) => one.what === what) }
}

async function portOf(t: Test, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return String((server.address() as AddressInfo).port)
}

t.test('a set-up that is well: every line is ok, nothing is changed, exit code 0', async (t) => {
  const home = t.testdir()
  const { code, stdout, stderr } = await runCommand(['doctor', '--port', '0', '--workdir', home], { HOME: home })
  t.strictSame({ code, stderr }, { code: 0, stderr: '' }, stdout)
  t.notMatch(stdout, /^FAIL/m)
  t.match(stdout, /^ok {4}commands {2,}start and are heard$/m)
  t.match(stdout, /^ok {4}terminals {2,}can be opened$/m)
  t.match(stdout, /(all is well|it serves; \d+ warnings?)\n$/)
  t.notOk(existsSync(join(home, '.local/state/workspace-runtime')), 'no token is made')
  t.strictSame(
    readdirSync(home).filter((name) => name !== '.cache'),
    [],
  )
})

t.test('a set-up that is broken on purpose: each fault is named with what to do, exit code 1', async (t) => {
  const dir = t.testdir({ state: 'a file', home: {}, token: `${'t'.repeat(40)}\n` })
  chmodSync(join(dir, 'token'), 0o644)
  const held = await portOf(
    t,
    createServer((_, response) => response.end('an application')),
  )
  const env = { HOME: join(dir, 'home'), XDG_STATE_HOME: join(dir, 'state') }
  const broken = await examine(['--port', held], env)
  t.strictSame({ code: broken.code, ok: broken.ok }, { code: 1, ok: false })
  t.match(broken.finding('port'), { state: 'fail', says: /served by another program/, todo: /--port/ })
  t.match(broken.finding('state directory'), { state: 'fail', says: /ENOTDIR/, todo: /XDG_STATE_HOME/ })
  t.match(broken.finding('commands'), { state: 'ok' }, 'the rest is looked at all the same')
  const open = await examine(['--port', '0', '--token-file', join(dir, 'token')], { HOME: join(dir, 'home') })
  t.match(open.finding('token'), { state: 'fail', says: /open to other users \(mode 0644\): chmod 600/ })
  t.equal(open.code, 1)
  const short = await examine(['--port', '0'], { HOME: join(dir, 'home'), RUNTIME_TOKEN: 'short' })
  t.match(short.finding('token'), { state: 'fail', says: /32/ })
})

t.test(
  'JWT: keys that cannot be used are a failure, tokens that allow more than they may seem to a warning',
  async (t) => {
    const secret = 's'.repeat(32)
    const dir = t.testdir({ secret, 'keys.json': '{"keys": [null]}', 'no-keys.json': '{"keys": 5}' })
    const jwt = async (name: string, options: object): Promise<Examined> => {
      const file = join(dir, `${name}.config.json`)
      writeFileSync(file, JSON.stringify({ jwt: options }))
      chmodSync(join(dir, 'secret'), 0o600)
      return await examine(['--port', '0', '--config', file], { HOME: dir })
    }
    const open = await jwt('open', { secret_file: join(dir, 'secret') })
    t.equal(open.code, 0)
    t.match(open.finding('jwt'), { state: 'warn', says: /neither jwt\.audience nor jwt\.workspace/, todo: /"aud"/ })
    const narrow = { secret_file: join(dir, 'secret'), audience: 'a', require_scope: true }
    t.match((await jwt('narrow', narrow)).finding('jwt'), { state: 'ok' })
    const odd = await jwt('odd', { jwks_file: join(dir, 'keys.json') })
    t.match(odd.finding('jwt'), { state: 'fail', says: /keys\[0\] of the JSON Web Key Set is not a key/ })
    t.equal(odd.code, 1)
    const none = await jwt('none', { jwks_file: join(dir, 'no-keys.json') })
    t.match(none.finding('jwt'), { state: 'fail', says: /no-keys\.json is not a JSON Web Key Set/ })
  },
)

t.test('a configuration that cannot be used is a finding, and the machine is looked at', async (t) => {
  const dir = t.testdir({ 'config.json': '{"prot": 1}' })
  for (const [args, says] of [
    [['--config', join(dir, 'config.json')], /unknown key prot/],
    [['--workdir', join(dir, 'nowhere')], /working directory/],
  ] as const) {
    const { code, finding } = await examine(args, { HOME: dir })
    t.equal(code, 1)
    t.match(finding('configuration'), { state: 'fail', says })
    t.match(finding('open files'), { says: /may be open/ })
  }
})

t.test('few descriptors are a warning, which is no failure', async (t) => {
  const env = { HOME: t.testdir() }
  const args = ['doctor', '--port', '0', '--json']
  const { code, stdout } = await runCommand(args, env, ['sh', '-c', 'ulimit -n 512; exec "$@"', 'sh'])
  t.equal(code, 0, stdout)
  t.match(stdout, /"512 may be open",\s+"todo": "raise it/)
})

t.test('the clock and the unit, as they may be', async (t) => {
  const now = Date.UTC(2026, 10, 21)
  t.match(clockFinding(now, now), { state: 'ok' })
  t.match(clockFinding(Date.UTC(1970, 0, 1), 0), { state: 'fail', says: /1970.*written/ })
  t.match(clockFinding(now, now + 3 * 86_400_000), { state: 'fail', says: /installed/ })
  const unit = (text: string) => unitFinding('systemd 252', unitFacts(text))
  t.match(unit('LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n'), { state: 'ok' })
  t.match(unit('LoadState=not-found\nActiveState=inactive\nSubState=dead\n'), { state: 'ok', says: /not installed/ })
  t.match(unit('LoadState=loaded\nActiveState=inactive\nSubState=dead\n'), { state: 'warn', todo: /systemctl enable/ })
  const failed = 'LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n'
  t.match(unit(failed), { state: 'fail', says: /exit-code/, todo: /journalctl/ })
})

t.test('status and doctor know the daemon that runs', async (t) => {
  const daemon = await startDaemon(t)
  const port = String(daemon.port)
  await daemon.call('POST', '/exec', { command: ['sleep', '60'], background: true })
  const env = { HOME: daemon.directory, RUNTIME_TOKEN: TOKEN }
  const line = await runCommand(['status', '--port', port], env)
  t.match(line, { code: 0, stderr: '' })
  t.match(line.stdout, /^workspace-runtime \d\S+ on http:\/\/127\.0\.0\.1:\d+ \(process \d+\): running for \d+ s, /)
  t.match(line.stdout, /, 1 command, 0 terminals, 0 watchers, \d+ MiB, event loop \d+ % busy, /)
  const whole = await runCommand(['status', '--port', port, '--json'], env)
  t.match(JSON.parse(whole.stdout), { status: 'ok', pid: daemon.pid, counts: { execs: 1 } })
  const { finding } = await examine(['--port', port], env)
  t.match(finding('port'), { state: 'ok', says: `served by this daemon (process ${daemon.pid})` })
  const stranger = { ...env, RUNTIME_TOKEN: 'x'.repeat(40) }
  t.match(await runCommand(['status', '--port', port], stranger), { code: 1, stdout: /not its token/ })
  t.match((await examine(['--port', port], stranger)).finding('port'), { state: 'warn' })
  await daemon.stop()
  t.match(await runCommand(['status', '--port', port], env), { code: 3, stdout: /^not running: / })
})

t.test('a daemon on another port is found through its state directory, and none that is gone', async (t) => {
  const home = t.testdir()
  const env = { HOME: home, RUNTIME_TOKEN: TOKEN }
  const state = join(home, '.local/state/workspace-runtime')
  const file = join(state, 'address')
  const daemon = await startDaemon(t, { env: { HOME: home, XDG_STATE_HOME: '' } })
  t.equal(readFileSync(file, 'utf8'), `${daemon.url}\n`)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(await runCommand(['status'], env), { code: 0, stdout: `on ${daemon.url} (process ${daemon.pid})` })
  t.match((await examine([], env)).finding('port'), {
    state: 'ok',
    says: `served by this daemon (process ${daemon.pid})`,
  })
  const elsewhere = await runCommand(['status', '--port', '1'], env)
  t.match(elsewhere, { code: 3, stdout: 'nothing answers at http://127.0.0.1:1' }, 'what is said is where it looks')
  const second = await startDaemon(t, { env: { HOME: home, XDG_STATE_HOME: '' } })
  await daemon.stop()
  t.equal(readFileSync(file, 'utf8'), `${second.url}\n`, 'the end of the first does not hide the second')
  await second.stop()
  t.notOk(existsSync(file))
  const other = await portOf(
    t,
    createServer((_, response) => response.end('an application')),
  )
  for (const text of [`http://127.0.0.1:${other}\n`, 'http://127.0.0.1:1\n', 'ftp://x\n', '\0\n', 'x'.repeat(5000)]) {
    writeFileSync(file, text, { mode: 0o600 })
    const { code, stdout } = await runCommand(['status'], { ...env, RUNTIME_PORT: '2' })
    t.match({ code, stdout }, { code: 3, stdout: 'nothing answers at http://127.0.0.1:2' }, text.slice(0, 30))
  }
})

t.test('status makes no token, and tells other programs apart', async (t) => {
  const home = t.testdir()
  t.equal((await runCommand(['status', '--port', '1'], { HOME: home })).code, 3)
  t.strictSame(readdirSync(home), [])
  const other = await portOf(
    t,
    createServer((_, response) => response.end('an application')),
  )
  t.match(await runCommand(['status', '--port', other], { HOME: home }), { code: 1, stdout: /another program/ })
})

t.test('the line for people', async (t) => {
  const detail = {
    version: '1.2.3',
    commit: 'abc',
    pid: 7,
    uptime_seconds: 100_000,
    problems: ['one', 'two'],
    event_loop: { delay_p99_ms: 1, utilization: 0.123 },
    memory: { resident_bytes: 64 * 1024 * 1024 },
    counts: { execs: 1, terminals: 2, watchers: 0, connections: 3 },
  }
  t.equal(
    statusLine('http://127.0.0.1:9990', detail),
    'workspace-runtime 1.2.3 on http://127.0.0.1:9990 (process 7): running for 1 d 3 h, 1 command, 2 terminals, 0 watchers, 64 MiB, event loop 12 % busy, 2 problems: one; two',
  )
  t.match(statusLine('u', { ...detail, uptime_seconds: 0.2, problems: [] }), 'running for 0 s')
})

t.test('the working directory is that of the running daemon, unless the command names one', async (t) => {
  const dir = t.testdir({ work: {}, other: {} })
  const daemon = await startDaemon(t, { args: ['--workdir', join(dir, 'work')] })
  const env = { HOME: dir, RUNTIME_TOKEN: TOKEN }
  const port = ['--port', String(daemon.port)]
  const workdir = async (args: readonly string[], more = {}) =>
    (await examine(args, { ...env, ...more })).finding('workdir')
  const running = `${join(dir, 'work')} (of the running daemon)`
  t.match(await workdir(port), { state: 'ok', says: running })
  t.match(await workdir(port, { RUNTIME_WORKDIR: join(dir, 'other') }), { state: 'ok', says: running })
  t.match(await workdir([...port, '--workdir', join(dir, 'other')]), { state: 'ok', says: join(dir, 'other') })
  const unknown = await workdir(port, { RUNTIME_TOKEN: 'x'.repeat(40) })
  t.match(unknown?.says, / \(of a daemon that is started here; --workdir names another\)$/, 'it is not told')
  t.match(await workdir(['--port', '1'], { RUNTIME_WORKDIR: join(dir, 'other') }), { says: join(dir, 'other') })
  rmdirSync(join(dir, 'work'))
  t.match(await workdir(port), { state: 'fail', says: `${join(dir, 'work')} cannot be entered: ENOENT` })
})
