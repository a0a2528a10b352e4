// The door for WebSocket upgrades: who is refused, how, and what clients that break off or break the rules get
// (guarantees.md#who-may-call-a, guarantees.md#the-socket-ws-x).

import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { HS256, jwtOf } from '../support/jwt.ts'
import { rawExchange } from '../support/raw-http.ts'
import { openSocketServer } from '../support/socket-server.ts'
import { until } from '../support/until.ts'
import { refusedUpgrade, view } from '../support/viewer.ts'

const KEY = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
const FORM = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}`
const AUTH = `Authorization: Bearer ${TOKEN}\r\n`
const head = (target: string, headers: string, line = 'GET'): string =>
  `${line} ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`

t.test('the credential: by header, by ?token=, by both; every one presented must be valid', async (t) => {
  const { port } = await openSocketServer(t, { jwt: { secret: HS256, toleranceSeconds: 0 } })
  const jwt = jwtOf({ exp: Math.floor(Date.now() / 1000) + 600 })
  const status = async (target: string, headers = ''): Promise<number> =>
    (await rawExchange(port, head(target, FORM + headers))).status
  t.equal(await status('/ws', AUTH), 101)
  t.equal(await status(`/ws?token=${TOKEN}`), 101)
  t.equal(await status(`/ws?token=${TOKEN}&mode=shared`, AUTH), 101)
  t.equal(await status(`/ws?token=${jwt}`), 101)
  t.equal(await status(`/ws/?token=${TOKEN}`), 101)
  t.equal(await status('/ws'), 401)
  t.equal(await status('/ws?token='), 401)
  t.equal(await status('/ws?token=wrong'), 401)
  t.equal(await status(`/ws?token=wrong`, AUTH), 401, 'A-04 a wrong one beside a right one')
  t.equal(await status(`/ws?token=${TOKEN}`, 'Authorization: Bearer wrong\r\n'), 401)
  t.equal(await status(`/ws?token=${TOKEN}&token=${TOKEN}`), 400)
  t.equal(await status('/ws', AUTH + AUTH), 400)
  t.equal(await status('/nowhere'), 401, 'A-01 before the path is looked at')
  t.equal(await status(`/nowhere?token=${TOKEN}`), 404)
  t.equal(await status('/files?token=' + TOKEN), 404)
})

t.test('paths: also below /runtimes/local and /runtimes/default; remote ones not yet', async (t) => {
  const { port } = await openSocketServer(t)
  const status = async (path: string): Promise<number> => (await rawExchange(port, head(path, FORM + AUTH))).status
  t.equal(await status('/runtimes/local/ws'), 101)
  t.equal(await status('/runtimes/default/ws'), 101)
  t.equal(await status('/runtimes/none/ws'), 404)
  t.equal(await status('/runtimes/far/ws'), 501)
  t.equal(await status('/ws?mode=everybody'), 400)
  t.equal(await status('/ws?since=all'), 400)
})

t.test('H-08, H-09 Host and Origin are judged first', async (t) => {
  const { port } = await openSocketServer(t, { origins: ['https://app.example'] })
  const status = async (host: string, headers: string): Promise<number> =>
    (await rawExchange(port, `GET /ws HTTP/1.1\r\nHost: ${host}\r\n${FORM}${AUTH}${headers}\r\n`)).status
  t.equal(await status('evil.example', ''), 403)
  t.equal(await status('localhost', 'Origin: https://evil.example\r\n'), 403)
  t.equal(await status('localhost', 'Origin: null\r\n'), 403)
  t.equal(await status('localhost', 'Origin: https://app.example\r\n'), 101)
  t.equal(await status('localhost', `Origin: http://localhost:${port}\r\n`), 101)
})

t.test('a refusal is a plain HTTP answer with the body of every refusal', async (t) => {
  const { url, port } = await openSocketServer(t)
  const { status, body } = await refusedUpgrade(`${url}?token=nonsense-of-a-stranger`)
  t.equal(status, 401)
  t.match(JSON.parse(body), { success: false, code: 'unauthorized', error: /credential/ })
  t.notMatch(body, /nonsense/)
  const raw = await rawExchange(port, head('/ws', FORM))
  t.match(raw.text, /\r\nwww-authenticate: Bearer realm="workspace-runtime"\r\n/)
  t.match(raw.text, /\r\nconnection: close\r\n/)
})

t.test('X-02 what is no WebSocket is refused and closed; early bytes are not lost', async (t) => {
  const { port, terminals } = await openSocketServer(t)
  const attempt = async (headers: string, line = 'GET') => await rawExchange(port, head('/ws', headers + AUTH, line))
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  t.equal((await attempt(`${upgrade}Sec-WebSocket-Version: 13\r\n`)).status, 400, 'no key')
  t.equal((await attempt(`${upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n`)).status, 400)
  const old = await attempt(`${upgrade}Sec-WebSocket-Version: 7\r\n${KEY}`)
  t.equal(old.status, 426)
  t.match(old.text, /\r\nsec-websocket-version: 13\r\n/)
  t.equal((await attempt(upgrade + KEY)).status, 426, 'no version')
  t.equal((await attempt(FORM, 'POST')).status, 400)
  const terminal = terminals.create(1)
  const typed = Buffer.concat([Buffer.from(head('/ws', FORM + AUTH)), masked(2, Buffer.from('\x01early'))])
  t.equal((await rawExchange(port, typed)).status, 101)
  await until('it was typed', () => terminal.typed.join('') === 'early')
})

t.test('X-02 any other upgrade is declined: the request is answered as if it had not asked', async (t) => {
  const daemon = await startDaemon(t)
  const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
  t.equal((await rawExchange(daemon.port, head('/health', `${h2c}`))).status, 200)
  const ws = await rawExchange(daemon.port, head('/ws', h2c + AUTH))
  t.equal(ws.status, 426)
  t.match(ws.text, /\r\nupgrade: websocket\r\n/i)
  t.equal((await rawExchange(daemon.port, head('/ws', AUTH))).status, 426, 'nor one that does not ask at all')
})

t.test('X-03 messages that are too long or in too many pieces', async (t) => {
  const { port } = await openSocketServer(t)
  const mebibyte = 1024 * 1024
  const closing = async (pieces: Iterable<Buffer>): Promise<number> => {
    const socket = await opened(port)
    const code = closeCode(socket)
    for (const piece of pieces) {
      if (socket.destroyed) break
      if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), code])
    }
    return await code
  }
  const text = Buffer.alloc(mebibyte + 1, ' ')
  t.equal(await closing([masked(1, text)]), 1009, 'one frame')
  const half = masked(1, text.subarray(0, mebibyte / 2), { last: false })
  const more = masked(0, text.subarray(0, mebibyte / 2 + 1), { last: true })
  t.equal(await closing([half, more]), 1009, 'in two pieces')
  for (const [what, bytes] of [
    ['of one byte', Buffer.from(' ')],
    ['empty', Buffer.alloc(0)],
  ] as const) {
    const some = Buffer.concat(Array.from({ length: 1000 }, () => masked(0, bytes, { last: false })))
    t.equal(await closing([masked(1, bytes, { last: false }), ...Array.from({ length: 200 }, () => some)]), 1008, what)
  }
})

t.test('X-04 compression is not negotiated', async (t) => {
  const { url } = await openSocketServer(t)
  const viewer = await view(t, url, '', { perMessageDeflate: true })
  t.equal(viewer.socket.extensions, '')
})

t.test('X-08 frames that break the protocol', async (t) => {
  const { port } = await openSocketServer(t)
  const code = async (bytes: Buffer): Promise<number> => {
    const socket = await opened(port)
    socket.write(bytes)
    return await closeCode(socket)
  }
  t.equal(await code(Buffer.from([0x81, 1, 0x61])), 1002, 'unmasked')
  t.equal(await code(Buffer.from([0xc1, 0x80, 0, 0, 0, 0])), 1002, 'a reserved bit')
  t.equal(await code(Buffer.from([0x83, 0x80, 0, 0, 0, 0])), 1002, 'an opcode that is none')
  t.equal(await code(masked(1, Buffer.from([0xff]))), 1007, 'text that is not UTF-8')
  t.equal(await code(Buffer.from([0x88, 0xfe, 0, 200])), 1002, 'a close reason that is too long')
})

t.test('A-09 the token of the query appears in no log and no answer', async (t) => {
  const daemon = await startDaemon(t, { config: { access_log: true }, args: ['--log-level', 'debug'] })
  const url = `ws://127.0.0.1:${daemon.port}`
  const wrong = 'wrong-token-that-must-not-be-seen-anywhere'
  const answers = [
    await refusedUpgrade(`${url}/ws?token=${wrong}`),
    await refusedUpgrade(`${url}/nowhere?token=${TOKEN}`),
    await refusedUpgrade(`${url}/runtimes/none/ws?token=${TOKEN}`),
    await refusedUpgrade(`${url}/ws?token=${TOKEN}&mode=${TOKEN.slice(0, 5)}`),
  ]
  await refusedUpgrade(`${url}/ws?token=${TOKEN}`) // it is not refused
  for (const path of [`/runtime?token=${TOKEN}`, `/mcp?token=${TOKEN}`, `/proxy/3000/?token=${TOKEN}`, '/ws?token=x']) {
    const reply = await rawExchange(daemon.port, head(path, ''))
    t.equal(reply.status, 401, 'A-09 nowhere else is it read')
    answers.push({ status: 401, body: reply.text })
  }
  await until('the log has them all', () => daemon.stderr().split('"upgrade"').length > 5)
  for (const secret of [TOKEN, wrong]) {
    t.notOk(daemon.stderr().includes(secret), 'log')
    t.notOk(
      answers.some(({ body }) => body.includes(secret)),
      'answers',
    )
  }
})

t.test('X-01 2,000 upgrades that are reset, with good, bad and slow credentials', async (t) => {
  const jwks = await slowKeys(t)
  const config = { jwt: { jwks_url: jwks, algorithms: ['RS256'] }, limits: { failed_auth: 10_000 } }
  const daemon = await startDaemon(t, { config })
  const slow = `${part({ alg: 'RS256', typ: 'JWT', kid: 'k' })}.${part({ exp: 9e9 })}.AAAA`
  const kinds = [`/ws?token=${TOKEN}`, '/ws?token=wrong', `/ws?token=${slow}`, '/ws', '/proxy/3000/', '/nowhere']
  const rounds = Array.from({ length: 2000 }, (_, i) => kinds[i % kinds.length] ?? '')
  const next = rounds.values()
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (const target of next) await resetDuring(daemon, target)
    }),
  )
  // It waits as long as those before it: when it is refused, they are all over.
  t.equal((await refusedUpgrade(`ws://127.0.0.1:${daemon.port}/ws?token=${slow}`)).status, 401)
  await calm(t, daemon)
})

/** One upgrade that the client resets: while it is sent, right behind it, or once there is an answer. */
async function resetDuring(daemon: Daemon, target: string): Promise<void> {
  const socket = connect(daemon.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const bytes = head(target, FORM)
  const when = Math.floor(Math.random() * 3)
  if (when === 0) socket.write(bytes.slice(0, 20 + Math.floor(Math.random() * (bytes.length - 20))))
  else socket.write(bytes)
  if (when === 2 && !target.includes('=ey')) await Promise.race([once(socket, 'data'), once(socket, 'close')])
  else await new Promise((resolve) => socket.write('', resolve))
  socket.resetAndDestroy()
}

/** Still serves, and nothing is left of what came before. */
async function calm(t: Test, daemon: Daemon): Promise<void> {
  t.equal(daemon.process.exitCode, null)
  t.equal((await daemon.call('GET', '/runtime')).status, 200)
  const socket = new WebSocket(`ws://127.0.0.1:${daemon.port}/ws?token=${TOKEN}`)
  await once(socket, 'open')
  socket.terminate()
}

/** A key set that never comes: every JWT waits for it until the daemon gives up. */
async function slowKeys(t: Test): Promise<string> {
  const server = createServer(() => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** A client frame; the mask is zero, so the bytes are as they are. */
function masked(opcode: number, bytes: Buffer, { last = true } = {}): Buffer {
  const first = (last ? 0x80 : 0) | opcode
  const { length } = bytes
  const size =
    length < 126
      ? Buffer.of(0x80 | length)
      : length < 65_536
        ? Buffer.of(0x80 | 126, length >> 8, length & 255)
        : Buffer.of(0x80 | 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255)
  return Buffer.concat([Buffer.of(first), size, Buffer.alloc(4), bytes])
}

/** A raw connection that has become a WebSocket. */
async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(head('/ws', FORM + AUTH))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  if (!answer.toString().startsWith('HTTP/1.1 101')) throw new Error(answer.toString())
  return socket
}

/** The code of the close frame that comes; 0 where the connection ends without one. */
async function closeCode(socket: Socket): Promise<number> {
  let bytes = Buffer.alloc(0)
  const { promise, resolve } = Promise.withResolvers<number>()
  socket.on('close', () => resolve(0))
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    if (bytes[0] === 0x88 && bytes.length >= 4) resolve(bytes.readUInt16BE(2))
  })
  const code = await promise
  socket.destroy()
  return code
}
