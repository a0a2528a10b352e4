// What a credential may do is asked before its body is read: scope, calls in progress and rate. A refusal takes no
// body, the place that the gate gave is free again whatever becomes of the body, and slow bodies of one credential keep
// no other out.

import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { HS256, jwtOf } from '../support/jwt.ts'
import { rawExchange } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024

async function start(t: Test, limits: object = {}): Promise<Daemon> {
  const directory = t.testdir({})
  const secret = join(directory, 'secret')
  writeFileSync(secret, HS256, { mode: 0o600 })
  return await startDaemon(t, { config: { jwt: { secret_file: secret }, limits } })
}

const jwt = (sub: string, scope: string): string => jwtOf({ sub, scope, exp: Date.now() / 1000 + 3600 })

const head = (line: string, token: string, length: number, ...more: string[]): string =>
  [
    `${line} HTTP/1.1`,
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${length}`,
    ...more,
    '\r\n',
  ].join('\r\n')

function open(t: Test, daemon: Daemon, bytes: string): Socket {
  const socket = connect(daemon.port, '127.0.0.1')
  socket.on('error', () => undefined).write(bytes)
  t.teardown(() => socket.destroy())
  return socket
}

t.test('a credential without the scope is refused before it sends a body', { timeout: 60_000 }, async (t) => {
  const daemon = await start(t)
  const narrow = jwt('narrow', 'nothing')
  for (const line of [
    'POST /exec',
    'POST /exec/1/input',
    'POST /files/write',
    'PUT /files/raw?path=/tmp/never',
    'POST /files/transfer/upload?dest=/tmp/never',
    'POST /mcp',
    'POST /proxy/1/',
  ]) {
    const length = line === 'POST /mcp' ? 4 * MIB : 64 * MIB
    for (const expect of [[], ['Expect: 100-continue']]) {
      const reply = await rawExchange(daemon.port, head(line, narrow, length, ...expect))
      t.equal(reply.status, 403, line)
      t.notMatch(reply.text, /100 Continue/, line)
      if (line !== 'POST /proxy/1/') t.match(reply.text, /^connection: close\r$/im, line)
    }
  }
  const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
  const pinged = await rawExchange(daemon.port, head('POST /mcp', narrow, ping.length, 'Connection: close') + ping)
  t.match(pinged.text, /"result":\{\}/, 'a short message is read: which call it is stands in it')
  const chunked = `POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${narrow}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n${' '.repeat(0x20000)}\r\n`
  t.equal((await rawExchange(daemon.port, chunked)).status, 403, 'and a long one that is not announced')
})

t.test('a short body that was refused is dropped, and the connection goes on', async (t) => {
  const daemon = await start(t)
  const request = head('POST /exec', jwt('narrow', 'watch'), 2) + '{}'
  const last = head('POST /exec', TOKEN, 20, 'Connection: close') + '{"command":["true"]}'
  const reply = await rawExchange(daemon.port, request + last, 2)
  t.match(reply.text, /^HTTP\/1\.1 403 [^]*\}HTTP\/1\.1 200 /)
})

t.test('a body is no way around the limit of calls, and its place is free again', { timeout: 60_000 }, async (t) => {
  const daemon = await start(t, { concurrency: 2 })
  const one = jwt('one', 'exec files:read')
  const run = async (): Promise<number> => {
    const reply = await daemon.call('POST', '/exec', { command: ['true'] }, { authorization: `Bearer ${one}` })
    return reply.status
  }
  const full = async (): Promise<Socket[]> => {
    const sockets = [0, 1].map(() => open(t, daemon, head('POST /exec', one, 100_000)))
    // Asked with another credential: a call of this one would take a place itself.
    await until('both hold a place', async () => (await daemon.call('GET', '/health/detail')).body.counts.calls === 3)
    t.equal(await run(), 429)
    return sockets
  }
  const refused = await (await full(), rawExchange(daemon.port, head('POST /exec', one, 64 * MIB)))
  t.equal(refused.status, 429)
  const long = await rawExchange(daemon.port, head('POST /mcp', one, MIB))
  t.match(long.text, /^HTTP\/1\.1 429 [^]*^retry-after: 1\r$/im, 'a long message of MCP')
  const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
  const pinged = await rawExchange(daemon.port, head('POST /mcp', one, ping.length, 'Connection: close') + ping)
  t.match(pinged.text, /"result":\{\}/, 'a short one passes: it may be a cancellation')
  t.equal((await daemon.call('POST', '/exec', { command: ['true'] })).status, 200, 'another credential is served')
})

t.test('the place is given back: left, malformed, of another type, too long', { timeout: 60_000 }, async (t) => {
  const daemon = await start(t, { concurrency: 1, body_bytes: 1000 })
  const token = jwt('one', 'exec')
  const served = async (after: string): Promise<void> => {
    await until(`a call is served after ${after}`, async () => {
      const headers = { authorization: `Bearer ${token}` }
      return (await daemon.call('POST', '/exec', { command: ['true'] }, headers)).status === 200
    })
    t.pass(after)
  }
  const busy = async (): Promise<boolean> => (await daemon.call('GET', '/health/detail')).body.counts.calls > 1
  for (const [how, end] of [
    ['a reset', (socket: Socket) => socket.resetAndDestroy()],
    ['a close', (socket: Socket) => socket.destroy()],
    ['a half-close', (socket: Socket) => socket.end()],
    ['not JSON', (socket: Socket) => socket.write('x'.repeat(500))],
  ] as const) {
    const socket = open(t, daemon, head('POST /exec', token, 500))
    await until('it holds the place', busy)
    end(socket)
    await served(how)
  }
  await rawExchange(daemon.port, head('POST /exec', token, 2000, 'Connection: close'))
  await served('too long')
  const chunked = `POST /exec HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'x'.repeat(2000)}\r\n`
  await rawExchange(daemon.port, chunked)
  await served('too long, unannounced')
  const calls = (await daemon.call('GET', '/metrics')).body as string
  t.match(calls, /calls_total\{transport="rest",operation="exec_run",status="4xx"\} [1-9]/, 'and each is counted')
})

t.test('two slow long bodies keep nobody out', { timeout: 60_000 }, async (t) => {
  const daemon = await start(t)
  const slow = [0, 1].map(() => open(t, daemon, head('POST /exec', jwt('slow', 'exec'), 64 * MIB)))
  const trickle = setInterval(() => slow.forEach((socket) => socket.write(' '.repeat(4096))), 50)
  t.teardown(() => clearInterval(trickle))
  await until('both are read', async () => (await daemon.call('GET', '/health/detail')).body.counts.calls === 3)
  for (let i = 0; i < 10; i++) {
    t.equal((await daemon.call('POST', '/exec', { command: ['true'] })).status, 200)
    t.equal((await daemon.call('POST', '/mcp', { jsonrpc: '2.0', id: 1, method: 'ping' })).status, 200)
  }
})
