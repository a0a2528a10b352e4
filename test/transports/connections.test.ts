// Connections of strangers, idle or busy, keep nobody out who may call: they are capped below the limit of open files
// and give way, and one connection is answered one request in a turn.

import { writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { mostConnections } from '../../src/transports/connections.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { HS256, jwtOf } from '../support/jwt.ts'
import { rawExchange } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

const HEALTH = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'
const known = (path: string, ...more: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${TOKEN}`, ...more, '\r\n'].join('\r\n')

class Client {
  readonly socket: Socket
  text = ''

  constructor(t: Test, port: number, localAddress = '127.0.0.1') {
    this.socket = connect({ port, host: '127.0.0.1', localAddress })
    this.socket.on('error', () => undefined).on('data', (chunk) => (this.text += chunk.toString('latin1')))
    t.teardown(() => this.socket.destroy())
  }

  get open(): boolean {
    return !this.socket.destroyed && !this.socket.readableEnded
  }

  async ask(request: string): Promise<number> {
    this.text = ''
    this.socket.write(request)
    await until(
      'an answer',
      () => !this.open || /\r\n\r\n./s.test(this.text) || /^HTTP\/1.1 101 [^]*\r\n\r\n/.test(this.text),
    )
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.text)?.[1] ?? 0)
  }
}

const wrapper = ['/bin/sh', '-c', 'ulimit -n 512; exec "$@"', 'sh']

async function mostOf(daemon: Daemon): Promise<number> {
  return (await daemon.call('GET', '/health/detail')).body.limits.connections
}

t.test('what a limit of open files allows', async (t) => {
  const most = [64, 128, 512, 1024, 4096, 8192, 65_536, 1_048_576, Infinity].map(mostConnections)
  t.strictSame(most, [32, 64, 256, 512, 2048, 6144, 16_384, 16_384, 16_384])
})

t.test('hundreds of strangers that ask now and then', { timeout: 60_000 }, async (t) => {
  const daemon = await startDaemon(t, { wrapper })
  t.equal(await mostOf(daemon), 256)
  const before = new Client(t, daemon.port)
  t.equal(await before.ask(known('/runtime')), 200)
  const strangers = Array.from({ length: 700 }, () => new Client(t, daemon.port))
  for (const stranger of strangers) stranger.socket.write(HEALTH)
  await until('as many are open as there may be, or fewer', () => strangers.filter(({ open }) => open).length <= 256)
  for (let i = 0; i < 10; i++) {
    t.equal(
      await new Client(t, daemon.port).ask(known('/runtime', 'Connection: close')),
      200,
      'a newcomer who may call',
    )
  }
  t.match(await daemon.call('POST', '/exec', { command: ['true'] }), { status: 200, body: { exit_code: 0 } })
  t.equal(await before.ask(known('/runtime')), 200, 'one who was there before goes on')
  await until('idle strangers are closed', () => strangers.filter(({ open }) => open).length <= 64)
  t.notMatch(daemon.stderr(), /EMFILE|token_not_reloaded/)
})

t.test('strangers that say nothing at all', { timeout: 60_000 }, async (t) => {
  const daemon = await startDaemon(t, { wrapper })
  const strangers = Array.from({ length: 600 }, () => new Client(t, daemon.port))
  await until('the first have given way', () => strangers.filter(({ open }) => open).length <= 256)
  t.equal(await new Client(t, daemon.port).ask(known('/runtime')), 200)
  await until('the others are closed after a while', () => strangers.filter(({ open }) => open).length <= 64)
})

t.test('the strangers of one network take no more than their share', { timeout: 60_000 }, async (t) => {
  const daemon = await startDaemon(t, { wrapper })
  const other = new Client(t, daemon.port, '127.0.0.2')
  t.equal(await other.ask(HEALTH), 200)
  const strangers = Array.from({ length: 120 }, () => new Client(t, daemon.port))
  const trickle = setInterval(() => {
    for (const { socket, open } of strangers) if (open) socket.write('G')
    if (other.open && other.text !== '') other.text = ''
  }, 100)
  t.teardown(() => clearInterval(trickle))
  await until('their number is that of the share', () => strangers.filter(({ open }) => open).length <= 64)
  t.pass()
})

t.test('one credential with all connections does not keep another call out', { timeout: 60_000 }, async (t) => {
  const daemon = await startDaemon(t, { wrapper })
  const most = await mostOf(daemon)
  const clients: Client[] = []
  for (let i = 0; i < most + 20; i++) {
    const client = new Client(t, daemon.port)
    clients.push(client)
    t.equal(await client.ask(known('/runtime')), 200)
  }
  t.ok(clients.at(-1)?.open)
  t.ok(clients.filter(({ open }) => open).length <= most, 'the idle ones that came first have given way')
})

const upgrade = (token: string): string =>
  [
    'GET /ws?mode=shared HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n')

async function statusesOf(t: Test, port: number, requests: readonly string[]): Promise<Map<number, Client[]>> {
  const all = new Map<number, Client[]>()
  for (const request of requests) {
    const client = new Client(t, port)
    const status = await client.ask(request)
    all.set(status, [...(all.get(status) ?? []), client])
  }
  return all
}

t.test('connections that are in use leave places to other credentials', { timeout: 90_000 }, async (t) => {
  const secret = join(t.testdir(), 'secret')
  await writeFile(secret, HS256)
  const daemon = await startDaemon(t, { wrapper, config: { jwt: { secret_file: secret } } })
  const most = await mostOf(daemon)
  const exp = Math.floor(Date.now() / 1000) + 600
  const limited = Array.from({ length: most }, (_, n) => upgrade(jwtOf({ sub: `s${n % 7}`, scope: 'watch', exp })))
  const held = await statusesOf(t, daemon.port, limited)
  t.equal(held.get(101)?.length, most / 2, 'limited scopes: half of the places together')
  t.equal(held.get(429)?.length, most / 2)
  t.match(held.get(429)?.[0]?.text, /^retry-after: \d+\r[^]*"code":"rate_limited"/im)
  t.equal(await new Client(t, daemon.port).ask(known('/runtime', 'Connection: close')), 200)
  const [one] = held.get(101) ?? []
  one?.socket.destroy()
  await until('a place is free again', async () => {
    const status = await new Client(t, daemon.port).ask(limited[0] ?? '')
    return status === 101
  })
  for (const { socket } of held.get(101) ?? []) socket.destroy()
  const full = await statusesOf(t, daemon.port, Array<string>(most).fill(upgrade(TOKEN)))
  t.equal(full.get(101)?.length, (most * 3) / 4, 'one credential: three quarters')
  const other = `Authorization: Bearer ${jwtOf({ sub: 'other', exp })}`
  const request = known('/runtime', 'Connection: close').replace(/Authorization: .*/, other)
  for (let i = 0; i < 5; i++) t.equal(await new Client(t, daemon.port).ask(request), 200, 'another owner')
  for (const { socket } of full.get(101) ?? []) t.notOk(socket.destroyed, 'none gave way')
})

t.test('a stranger gets some answers on one connection, who may call any number', { timeout: 60_000 }, async (t) => {
  const daemon = await startDaemon(t)
  const flood = await rawExchange(daemon.port, HEALTH.repeat(5000), 5000)
  // What was not read resets the connection, which may overtake the last answers.
  t.ok(flood.text.split('HTTP/1.1 200').length - 1 <= 32)
  const one = new Client(t, daemon.port)
  for (let i = 1; i <= 32; i++) t.equal(await one.ask(HEALTH), 200)
  t.match(one.text, /^connection: close\r$/im)
  await until('it is closed', () => !one.open)
  const many = known('/runtime').repeat(500) + known('/runtime', 'Connection: close')
  const all = await rawExchange(daemon.port, many, 501)
  t.equal(all.text.split('HTTP/1.1 200').length - 1, 501)
  const refused = await rawExchange(daemon.port, HEALTH.replace('localhost', 'evil.example').repeat(5000), 5000)
  t.ok(refused.text.split('HTTP/1.1 403').length - 1 <= 32, 'refusals are answers too')
})

t.test('requests sent ahead are answered in their order, with their bodies', { timeout: 30_000 }, async (t) => {
  const daemon = await startDaemon(t)
  const run = (n: number, close: boolean): string => {
    const body = JSON.stringify({ command: ['sh', '-c', `sleep 0.0${n % 5}; echo n=${n}`] })
    return (
      known(
        '/exec',
        ...(close ? ['Connection: close'] : []),
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
      ).replace('GET', 'POST') + body
    )
  }
  const requests = Array.from({ length: 40 }, (_, n) => run(n, n === 39)).join('')
  const { text } = await rawExchange(daemon.port, requests, 40)
  t.strictSame(
    [...text.matchAll(/"stdout":"n=(\d+)/g)].map(([, n]) => Number(n)),
    Array.from({ length: 40 }, (_, n) => n),
  )
})
