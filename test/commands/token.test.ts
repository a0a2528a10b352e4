// `token show|rotate|verify` as commands beside real daemons: what they print, what they refuse, and what a
// changed token does to a daemon that goes on serving (A-03, A-11; configuration.md#tokens, protocol.md#jwt).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { WebSocket } from 'ws'
import { openPty } from '../../src/native/pty.ts'
import { openApplication } from '../support/application.ts'
import { COMMAND, startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { openStream } from '../support/events.ts'
import { until } from '../support/until.ts'

const NO_TOKEN = { RUNTIME_TOKEN: undefined as never } // node leaves such a variable out
const MADE = /^[0-9a-f]{64}\n$/

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

async function token(verb: string, state: string, options: { env?: object; args?: string[]; input?: string } = {}) {
  const [command = '', ...first] = COMMAND
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nowhere', XDG_STATE_HOME: state, ...options.env }
  const child = spawn(command, [...first, 'token', verb, ...(options.args ?? [])], { env, stdio: 'pipe' })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)))
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr } satisfies Ended
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })

async function statusFor(daemon: Daemon, secret: string): Promise<number> {
  return (await daemon.call('GET', '/runtime', undefined, bearer(secret.trim()))).status
}

const stateOf = (daemon: Daemon): string => join(daemon.directory, 'state')
const tokenFile = (daemon: Daemon): string => join(stateOf(daemon), 'workspace-runtime/token')

/** What ends with the connection; never rejects. */
async function ended(response: IncomingMessage): Promise<'ended' | 'cut'> {
  try {
    for await (const _ of response);
    return 'ended'
  } catch {
    return 'cut'
  }
}

t.test('rotate: the old token is dead, what it holds open ends, what it started runs on', async (t) => {
  const daemon = await startDaemon(t, { env: NO_TOKEN })
  const old = readFileSync(tokenFile(daemon), 'utf8').trim()
  const call = (method: string, path: string, body?: object) => daemon.call(method, path, body, bearer(old))
  const application = await openApplication(t, {
    request: (_, response) => void response.write('begun'),
    upgrade: (_, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'), // prettier-ignore
  })

  const marker = join(daemon.directory, 'go-on')
  const started = await call('POST', '/exec', { command: ['sh', '-c', `until [ -e ${marker} ]; do sleep 0.02; done; echo done`], background: true }) // prettier-ignore
  const terminal = await call('POST', '/terminals', {})
  t.match([started.status, terminal.status], [200, 201])
  const waiting = call('POST', '/exec', { command: ['sh', '-c', `until [ -e ${marker} ]; do sleep 0.02; done; echo here`] }) // prettier-ignore

  const socket = new WebSocket(`${daemon.url.replace('http', 'ws')}/ws?token=${old}`)
  const closed = once(socket, 'close')
  await once(socket, 'open')
  const open = async (path: string, headers: object = {}): Promise<IncomingMessage> => {
    const request = get(`${daemon.url}${path}`, { agent: false, headers: { ...bearer(old), ...headers } })
    const upgraded = once(request, 'upgrade').then(([, tunnel]) => tunnel as IncomingMessage)
    return await Promise.race([upgraded, once(request, 'response').then(([reply]) => reply as IncomingMessage)])
  }
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'x' } // prettier-ignore
  const held = [
    await open(`/exec/stream?task_id=${started.body.id}`),
    await open(`/proxy/${application.port}/`),
    await open(`/proxy/${application.port}/`, upgrade),
  ]
  t.same(
    held.map((one) => one.headers?.['content-type']),
    ['text/event-stream; charset=utf-8', undefined, undefined],
  )
  const ends = held.map(ended)
  const listening = await openStream(
    `${daemon.url}/mcp`,
    { jsonrpc: '2.0', id: 'sub', method: 'subscriptions/listen', params: { _meta: MODERN, notifications: { toolsListChanged: true } } }, // prettier-ignore
    { ...bearer(old), accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' }, // prettier-ignore
  )
  t.match(await listening.next(), { method: 'notifications/subscriptions/acknowledged' })

  const rotated = await token('rotate', stateOf(daemon))
  t.match(rotated, { code: 0, stdout: MADE, stderr: /^workspace-runtime: kept in \S+\/token; [^\n]+\n$/ })
  const fresh = rotated.stdout.trim()
  t.not(fresh, old)
  const [code] = (await closed) as [number]
  t.equal(code, 4401)
  t.equal(await statusFor(daemon, old), 401)
  t.equal(await statusFor(daemon, fresh), 200)
  t.same(
    (await Promise.all(ends)).slice(0, 2),
    ['cut', 'cut'],
    'streams and tunnels are closed, streams not as if they were whole',
  )
  t.match(await listening.next(), { id: 'sub', result: {} })
  t.equal(await listening.next(), undefined)

  writeFileSync(marker, '')
  t.match(await waiting, { status: 200, body: { stdout: 'here\n' } }, 'what was to be answered still is')
  const seen = (path: string) => daemon.call('GET', path, undefined, bearer(fresh))
  await until('the command ends', async () => (await seen(`/exec/${started.body.id}`)).body.status === 'exited')
  t.match(await seen('/terminals'), { body: { terminals: [{ alive: true }] } })
  t.match(daemon.stderr(), /"event":"token_changed"/)
  for (const secret of [old, fresh]) t.notMatch(daemon.stderr() + rotated.stderr, secret)
  t.same(
    readdirSync(join(stateOf(daemon), 'workspace-runtime')).filter((name) => name.includes('token')),
    ['token'],
  )
  t.strictSame(await token('show', stateOf(daemon)), { code: 0, stdout: `${fresh}\n`, stderr: '' })
})

const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

t.test('a file that is no token changes nothing, SIGHUP asks at once, and a new seed is taken over', async (t) => {
  const seed = join(t.testdir({ seed: TOKEN }), 'seed')
  const daemon = await startDaemon(t, { env: NO_TOKEN, args: ['--token-file', seed] })
  t.equal(await statusFor(daemon, TOKEN), 200)
  const said = (event: string) => daemon.stderr().split(`"event":"${event}"`).length - 1
  daemon.process.kill('SIGHUP')
  await until('it has looked', () => said('token_unchanged') === 1)

  for (const [content, reason] of [
    ['', /is empty/],
    ['short', /is 5 characters long/],
    [`${TOKEN} x`, /holds a space/],
  ] as const) {
    const before = said('token_not_reloaded')
    writeFileSync(seed, content)
    daemon.process.kill('SIGHUP')
    await until('it complains', () => said('token_not_reloaded') > before)
    t.match(daemon.stderr(), reason)
    t.equal(await statusFor(daemon, TOKEN), 200, 'the token before stays')
  }
  rmSync(seed)
  daemon.process.kill('SIGHUP')
  await until('it misses the seed', () => daemon.stderr().includes('cannot be read: ENOENT'))

  const second = 'second-token-0123456789abcdef0123456789'
  writeFileSync(`${seed}.new`, `${second}\n`)
  renameSync(`${seed}.new`, seed)
  await until('the new seed is taken', () => said('token_changed') === 1)
  t.equal(await statusFor(daemon, second), 200)
  t.equal(await statusFor(daemon, TOKEN), 401)

  const rotated = await token('rotate', stateOf(daemon), { args: ['--token-file', seed] })
  await until('the rotated one is taken', () => said('token_changed') === 2)
  t.equal(await statusFor(daemon, rotated.stdout), 200)
  t.equal(await statusFor(daemon, second), 401)
  t.equal(await daemon.stop(), 0)
  t.notMatch(daemon.stderr(), /test-token|second-token/)
  t.strictSame((await token('show', stateOf(daemon), { args: ['--token-file', seed] })).stdout, rotated.stdout)
})

t.test('a token from the environment is not rotated, and SIGHUP ends nothing', async (t) => {
  const daemon = await startDaemon(t)
  const refused = await token('rotate', stateOf(daemon), { env: { RUNTIME_TOKEN: TOKEN } })
  t.match(refused, { code: 2, stdout: '', stderr: /^workspace-runtime: the token comes from RUNTIME_TOKEN, [^\n]+\n$/ })
  t.notOk(existsSync(tokenFile(daemon)), 'nothing is made')
  daemon.process.kill('SIGHUP')
  await until('it says so', () => daemon.stderr().includes('token_unchanged'))
  t.equal(await statusFor(daemon, TOKEN), 200)
  t.match(await token('rotate', stateOf(daemon)), { code: 2, stderr: /there is none to rotate/ })
})

t.test('SIGHUP of a terminal that has gone is the end, orderly', async (t) => {
  const { master, slave } = openPty({ cols: 80, rows: 24 })
  const [command = '', ...first] = COMMAND
  const directory = t.testdir()
  const env = { PATH: process.env['PATH'] ?? '', HOME: directory, RUNTIME_TOKEN: TOKEN }
  const child = spawn(command, [...first, '--port', '0'], { env, stdio: [slave, 'pipe', 'pipe'] })
  closeSync(slave)
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => (text += String(chunk)))
  await until('it is ready', () => text.includes('ready on'))
  child.kill('SIGHUP')
  await until('it goes on while the terminal is there', () => text.includes('token_unchanged'))
  closeSync(master)
  child.kill('SIGHUP')
  await once(child, 'exit')
  t.equal(child.exitCode, 0)
  t.match(text, /"event":"stopping","signal":"SIGHUP"/)
})

t.test('verify: exit code 0 or 1, the token by stdin alone, and what is wrong with the files', async (t) => {
  const dir = t.testdir({ seed: `${TOKEN}\n`, short: 'short' })
  const state = join(dir, 'state')
  const made = (await token('show', state)).stdout
  t.match(made, MADE)
  const file = join(state, 'workspace-runtime/token')
  const verify = (input: string, options: Parameters<typeof token>[2] = {}) => token('verify', state, { input, ...options }) // prettier-ignore
  const [valid, invalid] = [{ code: 0, stdout: 'valid\n', stderr: '' }, { code: 1, stdout: 'invalid\n', stderr: '' }] // prettier-ignore
  const good = [made, made.trim(), made.replace('\n', '\r\n')]
  for (const answer of await Promise.all(good.map((input) => verify(input)))) t.strictSame(answer, valid)
  const bad = ['', '\n', `x${made}`, made.toUpperCase(), 'x'.repeat(100_000)]
  for (const answer of await Promise.all(bad.map((input) => verify(input)))) t.strictSame(answer, invalid)
  t.strictSame(await verify(TOKEN, { env: { RUNTIME_TOKEN: TOKEN } }), valid)
  t.strictSame(await verify(made, { env: { RUNTIME_TOKEN: TOKEN } }), invalid)

  const argued = await verify('', { args: [made.trim()] })
  t.match(argued, { code: 2, stdout: '', stderr: /token verify takes no argument; it reads the token from stdin/ })
  t.notMatch(argued.stderr, made.trim(), 'which is not repeated')

  chmodSync(file, 0o644)
  chmodSync(join(state, 'workspace-runtime'), 0o777)
  const open = await verify(made)
  t.match(open, { code: 0, stdout: 'valid\n' })
  t.match(open.stderr, `${file} is open to other users (mode 0644): chmod 600 ${file}\n`)
  t.match(open.stderr, /workspace-runtime is open to other users \(mode 0777\): chmod 700 /)
  chmodSync(join(dir, 'seed'), 0o644)
  const seeded = await verify(TOKEN, { args: ['--token-file', join(dir, 'seed')] })
  t.match(
    seeded,
    { code: 0, stdout: 'valid\n', stderr: /seed is open to other users \(mode 0644\)/ },
    'a new seed wins',
  )
  const broken = await verify(made, { args: ['--token-file', join(dir, 'short')] })
  t.match(broken, { code: 1, stdout: 'invalid\n', stderr: /is 5 characters long/ })
  t.same(readdirSync(join(state, 'workspace-runtime')), ['token'], 'it only looks')
  const none = await token('verify', join(dir, 'other'), { input: made })
  t.match(none, { code: 1, stdout: 'invalid\n', stderr: /no token is kept in \S+ yet/ })
  t.notOk(existsSync(join(dir, 'other')))
})

t.test('what is no command of tokens', async (t) => {
  const state = t.testdir()
  for (const verb of ['', 'shwo', 'new']) {
    t.match(await token(verb, state), { code: 2, stdout: '', stderr: /there are: token show, token rotate, token verify/ }) // prettier-ignore
  }
  t.match(await token('show', state, { args: ['x'] }), { code: 2, stderr: /token show takes no argument/ })
})
