// CORS on the running daemon (protocol.md#cors, protocol.md#origins; H-08): what a browser is told before it
// sends a request of a page, and with every answer, refusals included.

import t from 'tap'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { rawExchange } from '../support/raw-http.ts'

const PAGE = 'https://app.example'
const asks = (origin: string, more: Record<string, string> = {}) => ({
  origin,
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'authorization,content-type',
  ...more,
})

t.test('preflights are answered before the credential is asked for', async (t) => {
  const daemon = await startDaemon(t, { config: { cors: { origins: [PAGE] } } })
  const preflight = (path: string, headers: Record<string, string>) =>
    fetch(daemon.url + path, { method: 'OPTIONS', headers })
  for (const path of ['/files/transfer/upload?dest=/app', '/files/write', '/mcp', '/nowhere', '/runtimes/local/exec']) {
    const reply = await preflight(path, asks(PAGE))
    t.equal(reply.status, 204, path)
    t.equal(reply.headers.get('access-control-allow-origin'), PAGE)
    t.match(reply.headers.get('access-control-allow-methods'), /\bPOST\b.*\bDELETE\b/)
    t.match(reply.headers.get('access-control-allow-headers'), /Authorization, Content-Type/)
    t.match(reply.headers.get('vary'), /Origin/)
    t.ok(Number(reply.headers.get('access-control-max-age')) > 0)
    t.notOk(reply.headers.has('access-control-allow-credentials'), 'the credential is a header')
    t.notOk(reply.headers.has('access-control-allow-private-network'), 'not asked for')
  }
  const own = await preflight('/files', asks(`http://localhost:${daemon.port}`))
  t.equal(own.headers.get('access-control-allow-origin'), `http://localhost:${daemon.port}`)
  const near = await preflight('/files', asks(PAGE, { 'access-control-request-private-network': 'true' }))
  t.equal(near.headers.get('access-control-allow-private-network'), 'true')
})

t.test('a page may send every header by which an MCP client chooses', async (t) => {
  const daemon = await startDaemon(t, { config: { cors: { origins: [PAGE] } } })
  const reply = await fetch(`${daemon.url}/mcp`, { method: 'OPTIONS', headers: asks(PAGE) })
  const allowed = (reply.headers.get('access-control-allow-headers') ?? '').toLowerCase().split(', ')
  const sent = ['format', 'toolsets', 'readonly', 'max-result-bytes', 'cancel-on-close'].map((name) => `x-mcp-${name}`)
  for (const name of [...sent, 'mcp-protocol-version', 'mcp-method', 'mcp-name', 'mcp-session-id']) {
    t.ok(allowed.includes(name), name)
  }
})

t.test('H-08 a page that is not on the list gets no allowance', async (t) => {
  const daemon = await startDaemon(t, { config: { cors: { origins: [PAGE] } } })
  for (const origin of ['https://evil.example', 'null', 'https://app.example.evil', 'http://app.example']) {
    const more = { 'access-control-request-private-network': 'true' }
    const preflight = await fetch(`${daemon.url}/files/write`, { method: 'OPTIONS', headers: asks(origin, more) })
    t.equal(preflight.status, 403, origin)
    t.match(await preflight.json(), { code: 'forbidden', error: /cors\.origins/, request_id: /-/ })
    const allowed = [...preflight.headers.keys()].filter((name) => name.startsWith('access-control-'))
    t.strictSame(allowed, [], origin)
    const post = await daemon.call('POST', '/files/mkdir', { path: `${daemon.directory}/made` }, { origin })
    t.equal(post.status, 403, origin)
    t.notOk(post.headers.has('access-control-allow-origin'))
    const read = await daemon.call('GET', '/runtime', undefined, { origin })
    t.equal(read.status, 200, 'a read is answered; the browser keeps it from the page')
    t.notOk(read.headers.has('access-control-allow-origin'))
  }
})

t.test('every answer to a page of the list can be read by it', async (t) => {
  const daemon = await startDaemon(t, { config: { cors: { origins: [PAGE] } } })
  const directory = encodeURIComponent(daemon.directory)
  const replies: [string, string, number, unknown?, string?][] = [
    ['GET', '/runtime', 200],
    ['GET', '/runtime', 401, undefined, 'wrong'],
    ['GET', '/nowhere', 404],
    ['DELETE', '/runtime', 405],
    ['POST', '/files/write', 400, {}],
    ['GET', `/files/stream?path=${directory}`, 200],
    ['POST', '/exec/stream', 200, { cmd: ['true'] }],
    ['POST', '/mcp', 200, { jsonrpc: '2.0', id: 1, method: 'tools/list' }],
    ['GET', '/health', 200],
    ['GET', '/ws', 426],
    ['GET', '/desktop', 501],
  ]
  for (const [method, path, status, body, token = TOKEN] of replies) {
    const headers = { origin: PAGE, authorization: `Bearer ${token}` }
    const reply = await daemon.call(method, path, body, headers)
    const name = `${method} ${path} ${status}`
    t.equal(reply.status, status, name)
    t.equal(reply.headers.get('access-control-allow-origin'), PAGE, name)
    t.match(reply.headers.get('access-control-expose-headers'), /WWW-Authenticate.*X-Request-Id.*ETag/, name)
  }
})

t.test('the star admits all, by name', async (t) => {
  const daemon = await startDaemon(t, { config: { cors: { origins: ['*'] } } })
  for (const origin of ['https://any.example', 'null']) {
    const reply = await daemon.call('GET', '/runtime', undefined, { origin })
    t.equal(reply.headers.get('access-control-allow-origin'), origin)
    t.match(reply.headers.get('vary'), /Origin/)
  }
})

t.test('a preflight leaves the connection to the request that follows it', async (t) => {
  const daemon = await startDaemon(t, { config: { cors: { origins: [PAGE] } } })
  const lines = ['OPTIONS /files HTTP/1.1', 'Host: localhost', `Origin: ${PAGE}`, 'Access-Control-Request-Method: GET']
  const { answers } = await rawExchange(daemon.port, `${lines.join('\r\n')}\r\n\r\n`.repeat(3), 3)
  t.equal(answers, 3)
})
