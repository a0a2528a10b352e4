// The front door: who is let in, and what malformed, oversized, slow and hostile requests get
// (guarantees.md#who-may-call-a, guarantees.md#http-h).

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { catalog } from '../../src/catalog.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { rawExchange } from '../support/raw-http.ts'

const auth = `Authorization: Bearer ${TOKEN}\r\n`
const head = (line: string, ...headers: string[]): string =>
  `${line} HTTP/1.1\r\nHost: localhost\r\n${headers.map((one) => `${one}\r\n`).join('')}`

/** Alive and well: the question after every attack. */
async function healthy(t: Test, daemon: Daemon): Promise<void> {
  const reply = await daemon.call('GET', '/runtime')
  t.equal(reply.status, 200, 'still serves')
}

t.test('A-01 without a credential everything is 401 with one body; only GET /health answers', async (t) => {
  const daemon = await startDaemon(t)
  const routes = catalog.flatMap((op) =>
    op.routes.map((route) => [route.method, route.path.replace(':id', '1')] as const),
  )
  const others = [
    '/',
    '/nowhere',
    '/ws',
    '/mcp',
    '/proxy/3000/',
    '/runtimes/local/files',
    '/runtimes/none/x',
    '/%00',
    '/desktop',
  ]
  const paths = [...new Set([...routes.map(([, path]) => path), ...others])]
  const bodies = new Set<string>()
  for (const path of paths) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
      if (method === 'GET' && path === '/health') continue
      const reply = await rawExchange(daemon.port, `${head(`${method} ${path}`)}Content-Length: 2\r\n\r\n{}`)
      t.equal(reply.status, 401, `${method} ${path}`)
      t.match(reply.text, /www-authenticate: Bearer realm="workspace-runtime"\r\n/i)
      const body = reply.text.slice(reply.text.indexOf('\r\n\r\n'))
      t.match(body, /"request_id":"[0-9a-f]{16}-\w+"/)
      // A client of MCP gets it in the form of its protocol.
      if (path !== '/mcp' || method !== 'POST') bodies.add(body.replace(/"request_id":"[^"]*"/, ''))
    }
  }
  t.same([...bodies].slice(1), [], 'one fixed body')
  const upgrade = await rawExchange(daemon.port, `${head('GET /ws', 'Connection: Upgrade', 'Upgrade: websocket')}\r\n`)
  t.equal(upgrade.status, 401, 'upgrade')
  const health = await rawExchange(daemon.port, `${head('GET /health', 'Connection: close')}\r\n`)
  t.match(health.text, /\r\n\r\n\{"status":"ok"\}$/)
})

t.test('A-13 Expect: 100-continue with a bad token is refused unread', async (t) => {
  const daemon = await startDaemon(t)
  const reply = await rawExchange(
    daemon.port,
    `${head('POST /files/write', 'Expect: 100-continue', 'Content-Length: 10737418240', 'Authorization: Bearer wrong')}\r\n`,
  )
  t.equal(reply.status, 401)
  t.notMatch(reply.text, /100 Continue/)
})

t.test('Expect: 100-continue with the token is answered with 100, then the reply', async (t) => {
  const daemon = await startDaemon(t)
  const body = JSON.stringify({ path: `${daemon.directory}/d` })
  const reply = await rawExchange(
    daemon.port,
    `${head('POST /files/mkdir', 'Expect: 100-continue', 'Content-Type: application/json', `Content-Length: ${body.length}`, 'Connection: close')}${auth}\r\n${body}`,
  )
  t.match(reply.text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /)
})

t.test('Expect: 100-continue: what is refused by its headers is refused before the body comes', async (t) => {
  const daemon = await startDaemon(t)
  const path = encodeURIComponent(`${daemon.directory}/large`)
  const expecting = (line: string, ...more: string[]): string =>
    `${head(line, 'Expect: 100-continue', 'Content-Length: 1073741824', ...more)}${auth}\r\n`
  for (const [status, request] of [
    [412, expecting(`PUT /files/raw?path=${path}`, 'If-Match: *')],
    [404, expecting(`PUT /files/raw?path=${path}%2Fbelow`)],
    [413, expecting('POST /files/write', 'Content-Type: application/json')],
    [415, expecting('POST /mcp', 'Content-Type: text/plain')],
    [404, expecting('PUT /nowhere')],
  ] as const) {
    const reply = await rawExchange(daemon.port, request)
    t.equal(reply.status, status)
    t.notMatch(reply.text, /100 Continue/, `${status} without a 100`)
    t.match(reply.text, /^connection: close\r$/im, 'and the connection ends')
  }
  const old = `PUT /files/raw?path=${path} HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n${auth}\r\nhi`
  t.match((await rawExchange(daemon.port, old)).text, /^HTTP\/1\.1 201 /, 'HTTP/1.0 knows no 100')
})

t.test('H-03 headers: too long, too many, with names of prototypes', async (t) => {
  const daemon = await startDaemon(t)
  t.equal(
    (await rawExchange(daemon.port, `${head('GET /runtime', `X: ${'x'.repeat(16 * 1024 + 1)}`)}${auth}\r\n`)).status,
    431,
  )
  const many = Array.from({ length: 2001 }, (_, i) => `a${i}: 1`)
  t.ok(
    [200, 400, 431].includes(
      (await rawExchange(daemon.port, `${head('GET /runtime', 'Connection: close', ...many)}${auth}\r\n`)).status,
    ),
  )
  const names = await rawExchange(
    daemon.port,
    `${head('GET /runtime', 'Connection: close', '__proto__: x', 'constructor: y', 'hasOwnProperty: z')}${auth}\r\n`,
  )
  t.equal(names.status, 200)
  await healthy(t, daemon)
})

t.test('H-04 requests that two parsers could read differently', async (t) => {
  const daemon = await startDaemon(t)
  const smuggled = `GET /runtime HTTP/1.1\r\nHost: localhost\r\n${auth}\r\n`
  const post = (...headers: string[]): string =>
    `${head('POST /files/mkdir', 'Content-Type: application/json', ...headers)}${auth}`
  const desync: Record<string, string> = {
    'length and chunked': `${post('Content-Length: 4', 'Transfer-Encoding: chunked')}\r\n0\r\n\r\n${smuggled}`,
    'two lengths': `${post('Content-Length: 0', `Content-Length: ${smuggled.length}`)}\r\n${smuggled}`,
    'length with plus': `${post('Content-Length: +5')}\r\n{"a":${smuggled}`,
    'length in hex': `${post('Content-Length: 0x5')}\r\n{"a":${smuggled}`,
    'length with comma': `${post('Content-Length: 0, 5')}\r\n${smuggled}`,
    'length negative': `${post('Content-Length: -1')}\r\n${smuggled}`,
    'length empty': `${post('Content-Length: ')}\r\n${smuggled}`,
    'chunked, identity': `${post('Transfer-Encoding: chunked, identity')}\r\n0\r\n\r\n${smuggled}`,
    identity: `${post('Transfer-Encoding: identity')}\r\n${smuggled}`,
    xchunked: `${post('Transfer-Encoding: xchunked')}\r\n0\r\n\r\n${smuggled}`,
    'chunked twice': `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}\r\n0\r\n\r\n${smuggled}`,
    'space before colon': `${post('Content-Length : 0')}\r\n${smuggled}`,
    'folded header': `${post('X: a\r\n b', 'Content-Length: 0')}\r\n${smuggled}`,
    'bare LF in headers': `${head('POST /files/mkdir')}X: a\nContent-Length: 0\r\n${auth}\r\n${smuggled}`,
    'lone CR in headers': `${post('X: a\rb')}\r\n${smuggled}`,
    'chunk size overflow': `${post('Transfer-Encoding: chunked')}\r\nfffffffffffffffff\r\n${smuggled}`,
    'chunk size negative': `${post('Transfer-Encoding: chunked')}\r\n-1\r\n${smuggled}`,
    'chunk size in 0x form': `${post('Transfer-Encoding: chunked')}\r\n0x0\r\n\r\n${smuggled}`,
    'chunk size with LF': `${post('Transfer-Encoding: chunked')}\r\n2\n{}\r\n0\r\n\r\n${smuggled}`,
    'long chunk extension': `${post('Transfer-Encoding: chunked')}\r\n2;${'a'.repeat(1024 * 1024)}\r\n{}\r\n0\r\n\r\n${smuggled}`,
    'NUL in a header': `${post('X: a\0b')}\r\n${smuggled}`,
    'no version': `GET /runtime\r\nHost: localhost\r\n${auth}\r\n${smuggled}`,
    'version 9': `GET /runtime HTTP/9.9\r\nHost: localhost\r\n${auth}\r\n${smuggled}`,
  }
  for (const [name, request] of Object.entries(desync)) {
    const reply = await rawExchange(daemon.port, request, 2)
    t.ok(reply.status >= 400 || reply.status === 0, `${name}: ${reply.status}`)
    t.ok(reply.answers <= 1, `${name}: the smuggled request is not answered`)
    t.notMatch(reply.text, /protocol_version/, name)
  }
  const after = `${post('Transfer-Encoding: chunked', 'Connection: close')}\r\n2\r\n{}\r\n0\r\n\r\nGARBAGE`
  t.ok((await rawExchange(daemon.port, after, Infinity)).answers <= 2, 'data after the final chunk')
  await healthy(t, daemon)
})

t.test('H-05 strange targets and methods are refused, never a failure of ours', async (t) => {
  const daemon = await startDaemon(t)
  const targets = [
    'OPTIONS *',
    'TRACE /',
    'GET //a',
    'GET /%2e%2e/',
    'GET /%00',
    'GET /%zz',
    `GET /${'a'.repeat(8192)}`,
    'GET http://localhost/nowhere',
    'CONNECT a:1',
    'BREW /pot',
    'GET /exec/%ff',
  ]
  for (const target of targets) {
    const reply = await rawExchange(daemon.port, `${head(target, 'Connection: close')}${auth}\r\n`)
    t.ok([0, 204, 400, 404, 405].includes(reply.status), `${target.slice(0, 40)}: ${reply.status}`)
  }
  const absolute = await rawExchange(daemon.port, `${head('GET http://localhost/health', 'Connection: close')}\r\n`)
  t.equal(absolute.status, 200, 'absolute form is the same request')
  const stat = async (name: string) => await daemon.call('GET', `/files/stat?path=${daemon.directory}/${name}`)
  t.match(await stat('%ff'), { status: 400, body: { error: /not UTF-8/ } }, 'or it would be another path')
  t.match(await stat('%ef%bf%BD'), { status: 404 })
  await healthy(t, daemon)
})

t.test('H-06 bodies: too long, not JSON, not an object, deep, many', async (t) => {
  const daemon = await startDaemon(t, { config: { limits: { body_bytes: 2_000_000 } } })
  const mkdir = (body: string | Uint8Array) => daemon.call('POST', '/files/mkdir', body)
  const over = await mkdir(`{"path":"/${'x'.repeat(2_000_000 - 10)}"}`)
  t.match(over, { status: 413, body: { success: false, code: 'payload_too_large', details: { limit: 2_000_000 } } })
  t.match(await mkdir(Buffer.from([0x7b, 0xff, 0x7d])), { status: 400, body: { code: 'bad_request' } }, 'bad UTF-8')
  t.match(await mkdir('{"path":'), { status: 400, body: { error: /the body is not the JSON/ } })
  for (const [body, kind] of [
    ['[]', /an array/],
    ['null', /null/],
    ['"x"', /a string/],
    ['1', /a number/],
  ] as const) {
    t.match(await mkdir(body), { status: 400, body: { error: kind, details: { field: 'body' } } })
  }
  t.match(await mkdir('['.repeat(200_000) + ']'.repeat(200_000)), { status: 400 }, 'deep, parsed here')
  t.match(await mkdir('['.repeat(900_000) + ']'.repeat(900_000)), { status: 400 }, 'deep, parsed off the main thread')
  t.match(await mkdir(`{"path":5,"x":[${'1,'.repeat(700_000)}1]}`), { status: 400 }, 'many values')
  const proto = await mkdir(`{"__proto__":{"path":"/x"},"constructor":1,"path":"${daemon.directory}/p"}`)
  t.match(proto, { status: 201, body: { ignored: ['__proto__', 'constructor'] } })
  const bom = await mkdir(`\uFEFF{"path":"${daemon.directory}/bom"}`)
  t.equal(bom.status, 201, 'a byte order mark is no harm')
  const before = residentMiB(daemon.pid)
  const refused = await Promise.all(Array.from({ length: 100 }, () => announce(daemon, 100 * 1024 * 1024)))
  t.strictSame([...new Set(refused)], [413], '100 bodies of 100 MiB')
  const spread = await Promise.all(Array.from({ length: 100 }, () => announce(daemon, 1_900_000)))
  t.ok(
    spread.every((status) => status === 400 || status === 503),
    `100 bodies of 1.9 MB that are not JSON: ${[...new Set(spread)].join()}`,
  )
  t.ok(residentMiB(daemon.pid) - before < 256, 'memory stays bounded')
  await healthy(t, daemon)
})

/** Sends a body of `length` bytes as far as it is taken; the status of the answer. */
async function announce(daemon: Daemon, length: number): Promise<number> {
  const request = `${head('POST /files/mkdir', 'Content-Type: application/json', 'Connection: close', `Content-Length: ${length}`)}${auth}\r\n`
  const body = Buffer.alloc(Math.min(length, 4 * 1024 * 1024), 'x')
  return (await rawExchange(daemon.port, Buffer.concat([Buffer.from(request), body]))).status
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

t.test('H-07 JSON as text/plain or a form is 415', async (t) => {
  const daemon = await startDaemon(t)
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'text/plain;x=application/json',
    'multipart/form-data',
  ]) {
    const reply = await daemon.call('POST', '/files/mkdir', '{"path":"/x"}', { 'content-type': type })
    t.match(reply, { status: 415, body: { success: false, code: 'unsupported_media_type' } }, type)
  }
  const fine = await daemon.call(
    'POST',
    '/files/mkdir',
    { path: `${daemon.directory}/fine` },
    { 'content-type': 'application/json; charset=utf-8' },
  )
  t.equal(fine.status, 201)
  const empty = await daemon.call('POST', '/files/search/init')
  t.equal(empty.status, 200, 'an empty body needs no JSON')
})

t.test('H-08 origins', async (t) => {
  const daemon = await startDaemon(t, { config: { cors: { origins: ['https://app.example'] } } })
  const mkdir = (origin: string) => daemon.call('POST', '/files/mkdir', { path: `${daemon.directory}/o` }, { origin })
  t.match(await mkdir('https://evil.example'), { status: 403, body: { code: 'forbidden' } })
  t.match(await mkdir('null'), { status: 403 })
  t.match(await mkdir(daemon.url), { status: 201 })
  const own = await mkdir('https://app.example')
  t.equal(own.headers.get('access-control-allow-origin'), 'https://app.example')
  t.match(await daemon.call('GET', '/mcp', undefined, { origin: 'https://evil.example' }), { status: 403 })
  const read = await daemon.call('GET', '/runtime', undefined, { origin: 'https://evil.example' })
  t.equal(read.headers.get('access-control-allow-origin'), null, 'a read is answered, but not to that page')
  const preflight = { 'access-control-request-method': 'POST', authorization: '' }
  t.match(await daemon.call('OPTIONS', '/files/mkdir', undefined, { ...preflight, origin: 'https://app.example' }), {
    status: 204,
  })
  t.match(await daemon.call('OPTIONS', '/files/mkdir', undefined, { ...preflight, origin: 'https://evil.example' }), {
    status: 403,
    body: { error: /cors\.origins/, details: { field: 'Origin' } },
  })
})

t.test('H-09 hosts', async (t) => {
  const daemon = await startDaemon(t)
  const get = (...hosts: string[]) =>
    rawExchange(
      daemon.port,
      `GET /runtime HTTP/1.1\r\n${hosts.map((host) => `Host: ${host}\r\n`).join('')}${auth}Connection: close\r\n\r\n`,
    )
  t.equal((await get('localhost')).status, 200)
  t.equal((await get('evil.example')).status, 403)
  t.equal((await get('localhost', 'evil.example')).status, 403)
  t.equal((await get()).status, 400)
  t.equal((await get('localhost:1@evil.example')).status, 403)
})

t.test('the host of a target in absolute form replaces the Host header', async (t) => {
  const daemon = await startDaemon(t)
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
  const statusOf = async (target: string, ...headers: string[]): Promise<number> =>
    (await rawExchange(daemon.port, `${head(`GET ${target}`, 'Connection: close', ...headers)}${auth}\r\n`)).status
  for (const host of ['evil.example', 'evil.example:80', 'localhost@evil.example', '', 'evil.example%2f@localhost']) {
    for (const scheme of ['http', 'HTTPS']) t.equal(await statusOf(`${scheme}://${host}/runtime`), 403, host)
    t.equal(await statusOf(`http://${host}/ws`, ...upgrade), 403, `${host}, an upgrade`)
    t.equal(await statusOf(`http://${host}/proxy/${daemon.port}/`), 403, `${host}, the proxy`)
  }
  t.equal(await statusOf(`http://127.0.0.1:${daemon.port}/runtime`), 200)
  t.equal(await statusOf('http://localhost/runtime'), 200)
})

t.test('H-10 coded bodies are refused before they are read', async (t) => {
  const daemon = await startDaemon(t)
  for (const coding of ['gzip', 'br', 'zstd', 'gzip, gzip']) {
    const reply = await daemon.call('POST', '/files/mkdir', Buffer.alloc(1000), { 'content-encoding': coding })
    t.match(reply, { status: 415, body: { details: { field: 'Content-Encoding' } } }, coding)
  }
})

t.test('H-11 clients that leave at any byte, on every route', async (t) => {
  const daemon = await startDaemon(t)
  const targets = catalog.flatMap((op) =>
    op.routes.map((route) => `${route.method} ${route.path.replace(':id', '1')}?path=/tmp&q=x&task_id=1`),
  )
  for (let round = 0; round < 600; round++) {
    const target = targets[round % targets.length] ?? ''
    const request = `${head(target, 'Content-Type: application/json', 'Content-Length: 60')}${auth}\r\n{"path":"/nowhere","command":["true"],"x":"${'y'.repeat(12)}"}`
    await new Promise<void>((resolve) => {
      const socket = connect(daemon.port, '127.0.0.1', () => {
        socket.write(request.slice(0, 1 + ((round * 37) % request.length)), () => {
          if (round % 2 === 0) socket.resetAndDestroy()
          else setImmediate(() => socket.destroy())
        })
      })
      socket.on('error', () => undefined).on('close', () => resolve())
    })
  }
  await healthy(t, daemon)
})

t.test('the probes of OAuth clients get a JSON 404, with the path of the endpoint too', async (t) => {
  const daemon = await startDaemon(t)
  for (const path of [
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/mcp',
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/mcp',
    '/.well-known/openid-configuration/mcp',
    '/mcp/.well-known/openid-configuration',
    '/mcp/.well-known/oauth-protected-resource',
    '/runtimes/local/mcp/.well-known/oauth-authorization-server',
    '/register',
    '/authorize',
    '/token',
  ]) {
    t.match(await daemon.call('GET', path, undefined, { authorization: '' }), {
      status: 404,
      body: { code: 'not_found' },
    })
  }
})

t.test('unknown paths and methods with a credential', async (t) => {
  const daemon = await startDaemon(t)
  t.match(await daemon.call('GET', '/nowhere'), {
    status: 404,
    body: { success: false, code: 'not_found', request_id: /-/ },
  })
  const wrong = await daemon.call('PATCH', '/exec')
  t.match(wrong, { status: 405, body: { code: 'method_not_allowed' } })
  t.equal(wrong.headers.get('allow'), 'POST, GET, DELETE')
  t.match(await daemon.call('GET', '/runtimes/none/files'), { status: 404 })
  t.match(await daemon.call('GET', '/runtimes/local/runtime'), { status: 200, body: { os: 'linux' } })
  t.match(await daemon.call('GET', '/runtime/'), { status: 200 }, 'a slash at the end')
})
