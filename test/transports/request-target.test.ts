// The forms that the target of a request may have (RFC 9112 3.2), as bytes on a socket of a running daemon: what asks of
// the server as a whole is answered to everybody, and what means nothing is 400, before any credential is asked for.

import t from 'tap'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { rawExchange } from '../support/raw-http.ts'

const head = (line: string, ...more: string[]): string =>
  [`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...more, '\r\n'].join('\r\n')
const auth = `Authorization: Bearer ${TOKEN}`
const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AA==']

t.test('OPTIONS of the server as a whole needs no credential and tells the methods alone', async (t) => {
  const daemon = await startDaemon(t)
  for (const more of [[], [auth], ['Authorization: Bearer wrong']]) {
    for (const target of ['*', 'http://localhost', 'http://localhost:80', 'HTTPS://LOCALHOST']) {
      const { text } = await rawExchange(daemon.port, head(`OPTIONS ${target}`, ...more))
      t.match(text, /^HTTP\/1\.1 204 /, `${target} ${more.join()}`)
      t.match(text, /^allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r$/im)
      t.notMatch(text, /content-length|www-authenticate|server:/i)
      t.match(text, /\r\n\r\n$/, 'no body')
    }
  }
  const twice = await rawExchange(daemon.port, head('OPTIONS *').replace('close', 'keep-alive').repeat(2), 2)
  t.equal(twice.answers, 2, 'the connection goes on')
  const body = await rawExchange(daemon.port, `${head('OPTIONS *', 'Content-Length: 2')}{}`)
  t.equal(body.status, 204, 'a body is no concern of it')
})

t.test('it obeys Host and Origin as everything does', async (t) => {
  const daemon = await startDaemon(t, { config: { cors: { origins: ['https://app.example'] } } })
  const foreign = head('OPTIONS *').replace('Host: localhost', 'Host: rebound.example')
  t.equal((await rawExchange(daemon.port, foreign)).status, 403)
  const page = await rawExchange(daemon.port, head('OPTIONS *', 'Origin: https://app.example'))
  t.match(page.text, /^HTTP\/1\.1 204 [^]*^access-control-allow-origin: https:\/\/app\.example\r$/im)
})

t.test('a path of its own is still asked with a credential', async (t) => {
  const daemon = await startDaemon(t)
  for (const target of ['/', '/files', '/*', 'http://localhost/', 'http://localhost/*', 'http://localhost?x']) {
    t.equal((await rawExchange(daemon.port, head(`OPTIONS ${target}`))).status, 401, target)
  }
  t.equal((await rawExchange(daemon.port, head('OPTIONS /files', auth))).status, 405)
})

t.test('a target of another form is 400 and names what is accepted', async (t) => {
  const daemon = await startDaemon(t)
  const lines = [
    ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'].map((method) => `${method} *`),
    'OPTIONS */x',
    'OPTIONS *?x',
    'GET ftp://localhost/files',
    'GET ws://localhost/ws',
    'CONNECT localhost:80',
    'CONNECT 127.0.0.1:22',
  ]
  for (const line of lines) {
    for (const more of [[], [auth]]) {
      const { status, text } = await rawExchange(daemon.port, head(line, ...more))
      t.equal(status, 400, line)
      // What Node's parser refuses itself has no body.
      if (!/\*[/?]/.test(line) && !line.startsWith('HEAD')) t.match(text, /"bad_request"[^]*request target/, line)
    }
  }
  for (const line of ['GET localhost:80', 'GET files', 'OPTIONS localhost']) {
    t.equal((await rawExchange(daemon.port, head(line, auth))).status, 400, line)
  }
  const socket = await rawExchange(daemon.port, [`GET * HTTP/1.1`, 'Host: localhost', ...upgrade, '\r\n'].join('\r\n'))
  t.match(socket, { status: 400, text: /request target/ })
})

t.test('a URL is the same request as its path, and its host counts', async (t) => {
  const daemon = await startDaemon(t)
  const ask = async (target: string) => await rawExchange(daemon.port, head(`GET ${target}`, auth))
  t.equal((await ask('http://localhost/runtime')).status, 200)
  t.equal((await ask(`http://127.0.0.1:${daemon.port}/runtime?x=1`)).status, 200)
  t.equal((await ask('http://elsewhere.example/runtime')).status, 403)
  t.equal((await ask('http://user:word@localhost/runtime')).status, 403)
  t.match(await ask('http://localhost'), { status: 404, text: /at \\"\/\\"/ }, 'no path is the root')
})
