// npm oblien's proxy(port) against the running daemon: fetch with bodies, streams and refusals of the application, and
// a WebSocket as browsers have it (protocol.md#proxy).

import { once } from 'node:events'
import { Runtime } from 'oblien/runtime'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { closedPort, openApplication, type Seen } from '../support/application.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'

let daemon: Daemon
let runtime: Runtime

t.before(async () => {
  daemon = await startDaemon(t)
  runtime = new Runtime({ token: TOKEN, baseUrl: daemon.url })
})

t.test('fetch: method, path, headers and body arrive; the credential does not', async (t) => {
  const app = await openApplication(t)
  for (const host of [undefined, '127.0.0.1', 'localhost']) {
    const proxy = runtime.proxy(app.port, host)
    const headers = { 'x-mine': '1', 'x-forward-authorization': 'Bearer of-the-app' }
    const reply = await proxy.fetch('/api/users?limit=10&token=x', { method: 'PUT', body: 'hello', headers })
    const seen = (await reply.json()) as Seen
    t.match(seen, { method: 'PUT', url: '/api/users?limit=10', body: 'hello' })
    t.ok(seen.headers.includes('Bearer of-the-app'))
    t.notMatch(JSON.stringify(seen), TOKEN)
  }
})

t.test('fetch: a 401 of the application is the application’s', async (t) => {
  const app = await openApplication(t, {
    request: (_, response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="app"' }).end('who?'),
  })
  const reply = await runtime.proxy(app.port).fetch('/')
  t.match([reply.status, reply.headers.get('www-authenticate')], [401, 'Basic realm="app"'])
  t.equal(await reply.text(), 'who?')
})

t.test('fetch: events are read as they are sent', async (t) => {
  let send: (() => void) | undefined
  const app = await openApplication(t, {
    request(_, response) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      let count = 0
      send = () => response.write(`data: ${++count}\n\n`)
    },
  })
  const stream = await runtime.proxy(app.port).fetch('/events')
  const events: string[] = []
  send?.()
  for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) {
    if (events.push(Buffer.from(chunk).toString()) === 3) break
    send?.()
  }
  t.same(events, ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n'])
})

t.test('fetch: nothing listens there', async (t) => {
  const reply = await runtime.proxy(await closedPort()).fetch('/')
  t.equal(reply.status, 502)
  t.match(await reply.json(), { success: false, code: 'bad_gateway' })
})

t.test('ws: protocols and messages both ways', async (t) => {
  const server = new WebSocketServer({ noServer: true })
  const app = await openApplication(t, {
    upgrade: (request, socket, head) =>
      server.handleUpgrade(request, socket, head, (one) =>
        one.on('message', (text) => one.send(`re: ${String(text)}`)),
      ),
  })
  const socket = runtime.proxy(app.port).ws('/socket?room=1', 'chat')
  await once(socket, 'open')
  t.equal(socket.protocol, 'chat')
  socket.send('hello')
  const [{ data }] = (await once(socket, 'message')) as [MessageEvent]
  t.equal(data, 're: hello')
  t.equal(app.asked[0]?.url, '/socket?room=1')
  t.notMatch(app.asked[0]?.rawHeaders.join('\n'), TOKEN)
  socket.close()
  await once(socket, 'close')
})
