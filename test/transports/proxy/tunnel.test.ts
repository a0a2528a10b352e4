// WebSockets of applications through the proxy: which clients pass, the handshake that the application sees, its
// refusals, and the ends of tunnels (L-03, L-04, L-08, X-01).

import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { answering, closedPort, openApplication, openBytes, type Application } from '../../support/application.ts'
import { startDaemon, TOKEN, type Daemon } from '../../support/daemon.ts'
import { HS256, jwtOf } from '../../support/jwt.ts'
import { rawExchange } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'

const FORM =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
const AUTH = `Authorization: Bearer ${TOKEN}\r\n`
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
const head = (target: string, headers: string, method = 'GET'): string =>
  `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`

/** Opens a WebSocket application that echoes its messages. */
async function openEcho(t: Test): Promise<Application> {
  const server = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered].at(-1) ?? false })
  server.on('connection', (socket) => socket.on('message', (text, binary) => socket.send(text, { binary })))
  return await openApplication(t, {
    upgrade: (request, socket, early) =>
      server.handleUpgrade(request, socket, early, (webSocket) => server.emit('connection', webSocket, request)),
  })
}

/** Opens an application that answers 101 and leaves its connections to the test. */
async function openRaw(t: Test): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const port = await openBytes(t, (socket) => {
    socket.once('data', () => {
      socket.write(SWITCH)
      socket.resume().on('end', () => socket.end())
      sockets.push(socket)
    })
  })
  return { port, sockets }
}

/** Opens a tunnel of raw bytes; resolves once the 101 is there. */
async function openTunnel(t: Test, daemon: Daemon, port: number, early = ''): Promise<Socket> {
  const socket = connect({ port: daemon.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => socket.destroy())
  t.teardown(() => void socket.destroy())
  socket.write(head(`/proxy/${port}/`, FORM + AUTH) + early)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.match(answer.toString('latin1'), /^HTTP\/1\.1 101 /)
  return socket
}

const descriptors = (daemon: Daemon): number => readdirSync(`/proc/${daemon.pid}/fd`).length

t.test('L-03 the application sees the handshake without our credential; protocols and frames pass', async (t) => {
  const daemon = await startDaemon(t)
  const app = await openEcho(t)
  const base = `ws://127.0.0.1:${daemon.port}`
  const auth = { authorization: `Bearer ${TOKEN}` }
  const ways: [string, Record<string, string>][] = [
    [`/proxy/a?token=${TOKEN}&x_oblien_target=${app.port}&q=%2F`, {}],
    [`/proxy/a?q=%2F&%74oken=${TOKEN}`, { 'x-oblien-proxy-target': String(app.port) }],
    [`/proxy/${app.port}/a?q=%2F`, auth],
    [`/proxy/${app.port}/a?q=%2F&token=not-read`, auth],
    [`/runtimes/default/proxy/${app.port}/a?q=%2F`, auth],
  ]
  for (const [path, headers] of ways) {
    const origin = 'https://page.example'
    const protocols = [`bearer.${'x'.repeat(8)}`, 'chat', 'binary']
    const socket = new WebSocket(base + path, protocols, { headers, origin, perMessageDeflate: false })
    socket.on('error', (error) => t.fail(error.message))
    await once(socket, 'open')
    t.equal(socket.protocol, 'binary', path)
    for (const message of [Buffer.from('hello'), Buffer.alloc(3_000_000, 'x')]) {
      socket.send(message)
      const [back] = (await once(socket, 'message')) as [Buffer]
      t.ok(message.equals(back))
    }
    const seen = app.asked.at(-1) as IncomingMessage
    t.equal(seen.url, '/a?q=%2F')
    t.equal(seen.headers['sec-websocket-protocol'], 'chat, binary')
    t.equal(seen.headers.origin, origin, 'which the application judges')
    t.equal(seen.headers.host, `localhost:${app.port}`)
    t.equal(seen.headers['x-forwarded-for'], '127.0.0.1')
    t.notMatch(`${seen.url} ${seen.rawHeaders.join('\n')}`, /bearer|token|oblien|test-/i)
    socket.close(1000, 'enough')
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
    t.match([code, reason.toString()], [1000, 'enough'])
  }
  t.notMatch(daemon.stderr(), TOKEN)
})

t.test('L-04 without a credential 401, and the application is not contacted', async (t) => {
  const daemon = await startDaemon(t)
  let contacts = 0
  const port = await openBytes(t, () => contacts++)
  const status = async (target: string, headers = ''): Promise<number> =>
    (await rawExchange(daemon.port, head(target, FORM + headers))).status
  t.equal(await status(`/proxy/${port}/`), 401)
  t.equal(await status(`/proxy/${port}/?token=wrong`), 401)
  t.equal(await status(`/proxy/${port}/?token=${TOKEN}`, 'Authorization: Bearer wrong\r\n'), 401, 'the header alone')
  t.equal(await status(`/proxy/${port}/?token=${TOKEN}&token=${TOKEN}`), 400)
  t.equal(await status(`/proxy/${port}/`, AUTH + AUTH), 400)
  t.equal(await status('/proxy/09990/', AUTH), 400)
  t.equal(await status(`/proxy/${daemon.port}/ws`, AUTH), 403, 'L-02')
  t.equal((await rawExchange(daemon.port, head(`/proxy/${port}/`, FORM + AUTH, 'POST'))).status, 400)
  t.equal(contacts, 0)
})

t.test('refusals of the application come back as they are, and the connection ends', async (t) => {
  const daemon = await startDaemon(t)
  const upgrade = async (port: number) => await rawExchange(daemon.port, head(`/proxy/${port}/`, FORM + AUTH))
  const plain = 'HTTP/1.1 401 Not You\r\nWWW-Authenticate: Basic realm="app"\r\nContent-Length: 4\r\n\r\nnope'
  const sized = await upgrade(await openBytes(t, answering(plain)))
  t.equal(sized.text, plain.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  const chunked = await openApplication(t, {
    upgrade: (_, socket) => socket.end('HTTP/1.1 404 Nope\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n'),
  })
  t.match((await upgrade(chunked.port)).text, /^HTTP\/1\.1 404 Nope\r\nConnection: close\r\n\r\nnope$/)
  const empty = await openBytes(t, answering('HTTP/1.1 204 No Content\r\n\r\n'))
  t.equal((await upgrade(empty)).status, 204)
  t.equal((await upgrade(await openBytes(t, answering('nonsense\r\n\r\n')))).status, 502)
  t.equal((await upgrade(await openBytes(t, (socket) => socket.resetAndDestroy()))).status, 502)
  t.equal((await upgrade(await closedPort())).status, 502)
  const half = 'HTTP/1.1 400 Bad\r\nContent-Length: 10\r\n\r\nhalf'
  t.match((await upgrade(await openBytes(t, answering(half)))).text, /half$/, 'a reset ends what is not whole')
})

t.test('what is sent early on either side is not lost; an end passes and the other direction goes on', async (t) => {
  const daemon = await startDaemon(t)
  let got = ''
  const ends: string[] = []
  const port = await openBytes(t, (socket) => {
    socket.once('data', () => {
      socket.write(`${SWITCH}early of the application`)
      socket.on('data', (chunk: Buffer) => (got += chunk.toString()))
      socket.once('end', () => {
        ends.push('client')
        socket.end('last words')
      })
    })
  })
  const client = connect({ port: daemon.port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  client.on('data', (chunk: Buffer) => (text += chunk.toString()))
  client.write(`${head(`/proxy/${port}/`, FORM + AUTH)}early of the client`)
  await until('both are there', () => text.endsWith('early of the application') && got === 'early of the client')
  client.end(', and the end')
  await once(client, 'close')
  t.match(text, /last words$/)
  t.equal(got, 'early of the client, and the end')
  t.same(ends, ['client'])
})

t.test('a slow reader holds back the writer, both ways, and every byte comes', async (t) => {
  const daemon = await startDaemon(t)
  const { port, sockets } = await openRaw(t)
  const client = await openTunnel(t, daemon, port)
  await until('it is open', () => sockets.length === 1)
  const size = 48 * 1024 * 1024
  for (const [from, to] of [
    [sockets[0]!, client],
    [client, sockets[0]!],
  ] as const) {
    to.removeAllListeners('data').pause()
    let flushed = false
    from.write(Buffer.alloc(size, 'y'), () => (flushed = true))
    let bytes = 0
    await pause(200)
    t.equal(flushed, false, 'it is not taken by the daemon')
    to.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume()
    await until('all has come', () => bytes === size)
  }
})

t.test('L-08 a reset on either side closes both, 500 times; nothing stays open', async (t) => {
  const daemon = await startDaemon(t)
  const { port, sockets } = await openRaw(t)
  const before = descriptors(daemon)
  let closed = 0
  for (let round = 0; round < 500; round += 10) {
    // One after the other: the application may see ten at once in another order than the clients opened them.
    const clients: Socket[] = []
    for (let at = 0; at < 10; at++) {
      clients.push(await openTunnel(t, daemon, port))
      await until('it is open', () => sockets.length === round + at + 1)
    }
    const applications = sockets.slice(round)
    for (const socket of [...clients, ...applications]) socket.resume().once('close', () => closed++)
    for (const [at, client] of clients.entries()) {
      const other = applications[at]!
      if (at % 2 === 0) client.write('half a message')
      if (at < 5) client.resetAndDestroy()
      else other.resetAndDestroy()
    }
    await until('all are closed', () => closed === 2 * (round + 10))
  }
  t.equal((await daemon.call('GET', '/health')).status, 200)
  await until('no descriptor stays', () => descriptors(daemon) <= before + 2)
})

t.test('X-01 resets before and during the handshake, 500 times, with and without a credential', async (t) => {
  const daemon = await startDaemon(t)
  const silent = await openBytes(t, (socket) => socket.resume())
  const before = descriptors(daemon)
  for (let round = 0; round < 500; round++) {
    const socket = connect(daemon.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    const credential = [AUTH, '', 'Authorization: Bearer wrong\r\n'][round % 3]
    socket.write(head(`/proxy/${silent}/`, FORM + credential))
    if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
    socket.resetAndDestroy()
  }
  t.equal((await daemon.call('GET', '/health')).status, 200)
  await until('no descriptor stays', () => descriptors(daemon) <= before + 2)
})

t.test('a tunnel counts as a call of its credential while it lasts', async (t) => {
  const directory = t.testdir({ secret: Buffer.from(HS256).toString('utf8') })
  const config = { jwt: { secret_file: `${directory}/secret`, algorithms: ['HS256'] }, limits: { concurrency: 1 } }
  const daemon = await startDaemon(t, { config })
  const { port } = await openRaw(t)
  const exp = Math.floor(Date.now() / 1000) + 600
  const bearer = (scope: string): string => `Authorization: Bearer ${jwtOf({ exp, scope })}\r\n`
  const status = async (scope: string): Promise<number> =>
    (await rawExchange(daemon.port, head(`/proxy/${port}/`, FORM + bearer(scope)))).status
  t.equal(await status('terminal'), 403)
  const held = connect(daemon.port, '127.0.0.1')
  held.write(head(`/proxy/${port}/`, FORM + bearer('proxy')))
  await once(held, 'data')
  t.equal(await status('proxy'), 429)
  held.destroy()
  await until('the place is free', async () => (await status('proxy')) === 101)
})

t.test('a daemon that stops closes its tunnels at once', async (t) => {
  const daemon = await startDaemon(t)
  const { port, sockets } = await openRaw(t)
  const client = await openTunnel(t, daemon, port)
  const closed = Promise.all([client, sockets[0]!].map((socket) => once(socket.resume(), 'close')))
  client.on('end', () => client.end())
  t.equal(await daemon.stop(), 0)
  await closed
})
