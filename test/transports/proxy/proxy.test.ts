// HTTP through the proxy of a real daemon to real applications: which requests pass, what the application and the
// client get, and how applications that hang, break off or lie are handled (guarantees.md#proxy-l).

import { request as begin, type IncomingMessage } from 'node:http'
import t from 'tap'
import { answering, openApplication, openBytes, type Seen } from '../../support/application.ts'
import { startDaemon, TOKEN, type Daemon } from '../../support/daemon.ts'
import { HS256, jwtOf } from '../../support/jwt.ts'
import { rawExchange } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'

const AUTH = `Authorization: Bearer ${TOKEN}\r\n`
const head = (line: string, headers = ''): string => `${line} HTTP/1.1\r\nHost: localhost\r\n${headers}`
const via = (port: number): Record<string, string> => ({ 'x-oblien-proxy-target': String(port) })

/** Sends a request through the proxy; resolves with the reply as it comes. */
async function ask(
  daemon: Daemon,
  options: { method?: string; path?: string; headers?: Record<string, string | string[]>; body?: string | Buffer },
): Promise<{ reply: IncomingMessage; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { method = 'GET', path = '/proxy/', headers = {}, body } = options
  const all = { authorization: `Bearer ${TOKEN}`, ...headers }
  const outgoing = begin({ host: '127.0.0.1', port: daemon.port, method, path, headers: all, agent: false })
  outgoing.on('response', resolve).on('error', reject).end(body)
  const reply = await promise
  let text = ''
  for await (const chunk of reply.setEncoding('latin1')) text += chunk
  return { reply, text }
}

const refusal = async (daemon: Daemon, path: string, headers: Record<string, string> = {}): Promise<string> => {
  const { reply, text } = await ask(daemon, { path, headers })
  return `${reply.statusCode} ${(JSON.parse(text) as { code: string }).code}`
}

t.test('L-01 spellings of the target are refused by a clear error', async (t) => {
  const daemon = await startDaemon(t)
  t.equal(await refusal(daemon, '/proxy/x', { 'x-oblien-proxy-target': '09990' }), '400 bad_request')
  t.equal(await refusal(daemon, '/proxy/x?x_oblien_target=%209990'), '400 bad_request')
  t.equal(await refusal(daemon, '/proxy/80%40evil.example/'), '400 bad_request')
  t.equal(await refusal(daemon, '/proxy/x', { 'x-oblien-proxy-target': '80@evil.example' }), '400 bad_request')
  t.equal(await refusal(daemon, '/proxy/x', { 'x-oblien-proxy-target': 'evil.example:80' }), '403 forbidden')
  t.equal(await refusal(daemon, '/proxy/'), '400 bad_request')
  const two = `X-Oblien-Proxy-Target: 3000\r\nX-Oblien-Proxy-Target: 3001\r\n`
  t.equal((await rawExchange(daemon.port, `${head('GET /proxy/x', AUTH + two)}\r\n`)).status, 400)
})

t.test('L-02 no port of the daemon itself, by any of its names', async (t) => {
  const daemon = await startDaemon(t)
  const { port } = daemon
  for (const target of [port, `localhost:${port}`, `127.0.0.1:${port}`, `127.0.0.2:${port}`, `::1:${port}`])
    t.equal(await refusal(daemon, '/proxy/health', { 'x-oblien-proxy-target': String(target) }), '403 forbidden')
  t.equal(await refusal(daemon, `/proxy/${port}/health`), '403 forbidden')
  const location = `http://127.0.0.1:${daemon.port}/runtime`
  const app = await openApplication(t, {
    request: (_, response) => response.writeHead(302, { location }).end(),
  })
  const { reply } = await ask(daemon, { headers: via(app.port) })
  t.match([reply.statusCode, reply.headers.location], [302, location], 'redirects are not followed')
})

t.test('L-03 an application sees the request as it came, without our credentials', async (t) => {
  const jwt = jwtOf({ exp: Math.floor(Date.now() / 1000) + 600 })
  const directory = t.testdir({ secret: Buffer.from(HS256).toString('utf8') })
  const daemon = await startDaemon(t, {
    config: { jwt: { secret_file: `${directory}/secret`, algorithms: ['HS256'] } },
  })
  const app = await openApplication(t)
  const forms: [string, Record<string, string>][] = [
    ['/proxy/a/b%2F?q=1&token=sneaked', via(app.port)],
    [`/proxy/a/b%2F?x_oblien_target=${app.port}&q=1&%74oken=sneaked`, {}],
    [`/proxy/${app.port}/a/b%2F?q=1&token=sneaked`, {}],
    [`/runtimes/local/proxy/${app.port}/a/b%2F?q=1`, {}],
  ]
  for (const credential of [TOKEN, jwt]) {
    for (const [path, headers] of forms) {
      const sent = {
        authorization: `Bearer ${credential}`,
        cookie: 'session=1',
        origin: 'https://page.example',
        'x-forwarded-for': '1.2.3.4',
        forwarded: 'for=1.2.3.4',
        'x-forward-authorization': 'Basic app',
        'x-own': ['1', '2'],
      }
      const { reply, text } = await ask(daemon, {
        method: 'POST',
        path,
        headers: { ...sent, ...headers },
        body: 'a body',
      })
      t.equal(reply.statusCode, 200, path)
      const seen = JSON.parse(text) as Seen
      t.equal(seen.url, '/a/b%2F?q=1')
      t.equal(seen.method, 'POST')
      t.equal(seen.body, 'a body')
      t.notMatch(text, credential)
      t.notMatch(text, /sneaked|oblien|1\.2\.3\.4/)
      const pairs = seen.headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${seen.headers[at + 1]}`] : []))
      t.match(pairs.filter((pair) => /^(auth|cookie|origin|x-|host)/i.test(pair)).toSorted(), [
        'Authorization: Basic app',
        `Host: localhost:${app.port}`,
        'X-Forwarded-For: 127.0.0.1',
        `X-Forwarded-Host: 127.0.0.1:${daemon.port}`,
        'X-Forwarded-Proto: http',
        'cookie: session=1',
        'origin: https://page.example',
        'x-own: 1',
        'x-own: 2',
      ])
    }
  }
  t.notMatch(daemon.stderr(), TOKEN)
})

t.test('A-09, L-04 without a credential nothing reaches the application; a token in the query is none', async (t) => {
  const daemon = await startDaemon(t)
  const app = await openApplication(t)
  for (const path of [`/proxy/${app.port}/`, `/proxy/${app.port}/?token=${TOKEN}`]) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      t.equal((await rawExchange(daemon.port, `${head(`${method} ${path}`)}\r\n`)).status, 401, method)
      const wrong = await rawExchange(daemon.port, `${head(`${method} ${path}`, 'Authorization: Bearer x\r\n')}\r\n`)
      t.equal(wrong.status, 401)
      t.match(wrong.text, /realm="workspace-runtime"/)
    }
  }
  t.equal(app.asked.length, 0)
  const wrong = await ask(daemon, { path: `/proxy/${app.port}/?token=wrong` })
  t.equal(wrong.reply.statusCode, 200, 'with a header `token` is not read')
})

t.test('a credential without the scope, and one with too many calls, get no further', async (t) => {
  const directory = t.testdir({ secret: Buffer.from(HS256).toString('utf8') })
  const config = { jwt: { secret_file: `${directory}/secret`, algorithms: ['HS256'] }, limits: { concurrency: 2 } }
  const daemon = await startDaemon(t, { config })
  const exp = Math.floor(Date.now() / 1000) + 600
  const app = await openApplication(t, { request: (_, response) => response.write('and so on') })
  const bearer = (scope: string) => ({ authorization: `Bearer ${jwtOf({ exp, scope })}` })
  t.equal(await refusal(daemon, `/proxy/${app.port}/`, bearer('files:read')), '403 forbidden')
  const held = [1, 2].map(() =>
    begin({
      port: daemon.port,
      host: '127.0.0.1',
      path: `/proxy/${app.port}/`,
      headers: bearer('proxy'),
      agent: false,
    }),
  )
  for (const one of held) one.on('error', () => undefined).end()
  await until('both are there', () => app.asked.length === 2)
  t.equal(await refusal(daemon, `/proxy/${app.port}/`, bearer('proxy')), '429 rate_limited')
  held[0]?.destroy()
  await until('one has left', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const next = begin({ port: daemon.port, host: '127.0.0.1', path: `/proxy/${app.port}/`, headers: bearer('proxy') })
    next.on('response', ({ statusCode }) => resolve(statusCode === 200)).on('error', () => undefined)
    next.end()
    const there = await promise
    next.destroy()
    return there
  })
  held[1]?.destroy()
})

t.test('the answer comes back verbatim: status, reason, headers in their case, repeated ones, body', async (t) => {
  const daemon = await startDaemon(t)
  const body = '\x00\xff\r\n'
  const answer = `HTTP/1.1 401 Who Are You\r\nWWW-Authenticate: Basic realm="app"\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Encoding: gzip\r\nX-Request-Id: theirs\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const port = await openBytes(t, answering(Buffer.from(answer, 'latin1')))
  const { text } = await rawExchange(daemon.port, `${head(`GET /proxy/${port}/`, `Connection: close\r\n${AUTH}`)}\r\n`)
  t.equal(text, answer.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
})

t.test('HEAD, 204 and 304 have no body, and the lengths they tell', async (t) => {
  const daemon = await startDaemon(t)
  const app = await openApplication(t, {
    request({ url, method }, response) {
      if (url === '/204') response.writeHead(204).end()
      else if (url === '/304') response.writeHead(304, { etag: '"x"', 'content-length': 5 }).end()
      else response.writeHead(200, { 'content-length': 5 }).end(method === 'HEAD' ? undefined : 'hello')
    },
  })
  const pair = `${head(`HEAD /proxy/${app.port}/`, AUTH)}\r\n`
  const get = (path: string): string => `${head(`GET /proxy/${app.port}${path}`, AUTH)}\r\n`
  const last = `${head(`GET /proxy/${app.port}/`, `Connection: close\r\n${AUTH}`)}\r\n`
  const { text, answers } = await rawExchange(daemon.port, pair + get('/204') + get('/304') + last, Infinity)
  t.equal(answers, 4, 'on one connection, so each ended where it should')
  t.same(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 304', 'HTTP/1.1 200'])
  t.equal(text.match(/content-length: 5/gi)?.length, 3)
  t.match(text, /\r\n\r\nhello$/)
})

t.test('Server-Sent Events arrive when they are sent', async (t) => {
  const daemon = await startDaemon(t)
  const sent: (() => void)[] = []
  const app = await openApplication(t, {
    request(_, response) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      sent.push(() => response.write('data: 1\n\n'))
    },
  })
  const response = await fetch(`${daemon.url}/proxy/${app.port}/`, { headers: { authorization: `Bearer ${TOKEN}` } })
  t.equal(response.headers.get('content-type'), 'text/event-stream', 'the head before any event')
  const reader = response.body!.getReader()
  for (let round = 0; round < 3; round++) {
    sent[0]!()
    t.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'data: 1\n\n')
  }
  await reader.cancel()
  await until('the application hears that the client has left', () => app.asked[0]!.socket.destroyed)
})

t.test('bodies: chunks and trailers both ways, Expect: 100-continue, an early answer', async (t) => {
  const daemon = await startDaemon(t)
  const port = await openBytes(t, (socket) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!text.endsWith('0\r\nX-Sum: 7\r\n\r\n')) return
      const body = Buffer.from(text, 'latin1').toString('hex')
      const chunk1 = `${body.length.toString(16)}\r\n${body}\r\n`
      socket.end(
        `HTTP/1.1 200 OK\r\nTrailer: X-After\r\nTransfer-Encoding: chunked\r\n\r\n${chunk1}0\r\nX-After: 1\r\n\r\n`,
      )
    })
  })
  const framed = 'Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\nExpect: 100-continue\r\nConnection: close\r\n'
  const chunks = '3\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 7\r\nAuthorization: sneaked\r\n\r\n'
  const { text } = await rawExchange(daemon.port, `${head(`POST /proxy/${port}/`, AUTH + framed)}\r\n${chunks}`)
  t.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
  t.match(text, /\r\n0\r\nX-After: 1\r\n\r\n$/)
  const seen = Buffer.from(/\r\n([0-9a-f]{100,})\r\n/.exec(text)?.[1] ?? '', 'hex').toString('latin1')
  t.match(seen, /\r\nTrailer: X-Sum\r\n/)
  t.match(seen, /\r\n0\r\nX-Sum: 7\r\n\r\n$/)
  t.notMatch(seen, /Expect|sneaked/)
  const early = await openApplication(t, {
    request: (_, response) => response.writeHead(413, { connection: 'close' }).end('too much'),
  })
  const length = 'Content-Length: 1000000\r\n'
  const refused = await rawExchange(daemon.port, `${head(`POST /proxy/${early.port}/`, AUTH + length)}\r\nabc`)
  t.equal(refused.status, 413)
  t.match(refused.text, /too much/)
})

t.test('L-05 answers that cannot be passed on are 502', async (t) => {
  const daemon = await startDaemon(t)
  const bad: [string, string][] = [
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'],
    [
      'a flood of 1xx',
      `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(5_000)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
    ],
    ['a head of 1 MiB', `HTTP/1.1 200 OK\r\n${`X-Long: ${'x'.repeat(1000)}\r\n`.repeat(1000)}\r\n`],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['an unasked upgrade', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nX: '],
    ['a reason with a control byte', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok'],
    ['a reason with DEL', 'HTTP/1.1 404 No\x7fne\r\nContent-Length: 0\r\n\r\n'],
    ['status 099', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['status 000', 'HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['status 600', 'HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['status 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['1xx without an end', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ['a value with a control byte', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n'],
    ['a value with NUL', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n'],
    ['a value with DEL', 'HTTP/1.1 200 OK\r\nX: a\x7fb\r\nContent-Length: 0\r\n\r\n'],
    ['a name with a space', 'HTTP/1.1 200 OK\r\nX Y: a\r\nContent-Length: 0\r\n\r\n'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['a cookie with a control byte', 'HTTP/1.1 200 OK\r\nSet-Cookie: a=\x02\r\nContent-Length: 0\r\n\r\n'],
  ]
  for (const [what, bytes] of bad) {
    const port = await openBytes(t, answering(bytes))
    t.equal(await refusal(daemon, `/proxy/${port}/`), '502 bad_gateway', what)
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    if (what === 'an unasked upgrade') continue
    const upgraded = await rawExchange(daemon.port, `${head(`GET /proxy/${port}/`, `${upgrade}${AUTH}`)}\r\n`)
    t.match(upgraded.text, /^HTTP\/1\.1 502 [^]*"code":"bad_gateway"/, `${what}, to an upgrade`)
  }
  const few = await openBytes(
    t,
    answering('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  )
  t.equal((await ask(daemon, { path: `/proxy/${few}/` })).text, 'ok', 'some 1xx are no harm')
  const large = `X-Long: ${'x'.repeat(1000)}\r\n`.repeat(50)
  const many = await openBytes(t, answering(`HTTP/1.1 200 OK\r\n${large}Content-Length: 2\r\n\r\nok`))
  const { text } = await rawExchange(daemon.port, `${head(`GET /proxy/${many}/`, `Connection: close\r\n${AUTH}`)}\r\n`)
  t.equal(text.match(/X-Long/g)?.length, 50, 'and some 50 KiB of headers')
})

t.test('an answer without a body announces none, and what comes behind it is no answer', async (t) => {
  const daemon = await startDaemon(t)
  const inject = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
  for (const [what, bytes] of [
    ['a length', `HTTP/1.1 204 None\r\nContent-Length: ${inject.length}\r\n\r\n${inject}`],
    ['chunks', `HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
  ] as const) {
    const port = await openBytes(t, answering(bytes))
    const reply = await rawExchange(daemon.port, `${head(`GET /proxy/${port}/`, AUTH)}\r\n`)
    t.equal(reply.status, 204, what)
    t.notMatch(reply.text, /content-length|transfer-encoding/i, what)
    t.notMatch(reply.text, /evil|hello/, what)
  }
})

t.test('what would speak of our whole origin stays behind; cookies are for this host and none of ours', async (t) => {
  const daemon = await startDaemon(t)
  const ours = ['Clear-Site-Data: "*"', 'NEL: {}', 'Report-To: {}', 'Reporting-Endpoints: a="https://evil.example"']
  const more = [
    'Strict-Transport-Security: max-age=1',
    'Alt-Svc: h3=":1"',
    'Service-Worker-Allowed: /',
    'Accept-CH: UA',
  ]
  const cookies = ['sid=1; Path=/; HttpOnly', 'wide=1; Domain=example.com; Path=/; SameSite=Lax', 'bare=1;domain']
  const stolen = ['wrt_app_3000=x', '__Host-wrt_app_1=x; Secure', '__Secure-WRT_x=1', ' wrt_x=1', '=wrt_x=1', 'wrt_x']
  const lines = [...ours, ...more, ...[...cookies, ...stolen].map((one) => `Set-Cookie: ${one}`), 'X-Kept: 1']
  const port = await openBytes(t, answering(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\nContent-Length: 2\r\n\r\nok`))
  const { reply, text } = await ask(daemon, { path: `/proxy/${port}/` })
  t.equal(text, 'ok')
  t.strictSame(reply.headers['set-cookie'], ['sid=1; Path=/; HttpOnly', 'wide=1; Path=/; SameSite=Lax', 'bare=1'])
  t.equal(reply.headers['x-kept'], '1')
  for (const line of [...ours, ...more]) t.notOk(line.split(':')[0]!.toLowerCase() in reply.headers, line)
})

t.test('the address of one of our pages reaches an application without its query', async (t) => {
  const daemon = await startDaemon(t)
  const app = await openApplication(t)
  for (const [sent, got] of [
    [`http://127.0.0.1:${daemon.port}/console/?token=secret#x`, `http://127.0.0.1:${daemon.port}/console/`],
    [`https://127.0.0.1:${daemon.port}/?a=1`, `https://127.0.0.1:${daemon.port}/`],
    ['https://other.example/?token=secret', 'https://other.example/'],
    ['https://other.example/search?q=1', 'https://other.example/search?q=1'],
    ['/relative?token=secret', '/relative'],
    ['https://other.example/plain', 'https://other.example/plain'],
  ] as const) {
    await ask(daemon, { path: `/proxy/${app.port}/`, headers: { referer: sent, host: `127.0.0.1:${daemon.port}` } })
    t.equal(app.asked.at(-1)?.headers.referer, got, sent)
  }
})

t.test('an answer that breaks off in the middle never looks whole', async (t) => {
  const daemon = await startDaemon(t)
  const bodies = { 'Content-Length: 10': 'hello', 'Transfer-Encoding: chunked': '5\r\nhello\r\n' }
  for (const [framing, body] of Object.entries(bodies)) {
    const port = await openBytes(t, answering(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${body}`))
    await t.rejects(ask(daemon, { path: `/proxy/${port}/` }), { code: 'ECONNRESET' }, framing)
  }
})

t.test('L-06 the application gets the bytes of the path, and only the first segment is read', async (t) => {
  const daemon = await startDaemon(t)
  const app = await openApplication(t)
  for (const path of ['/a%2Fb', '/%40x', '/(y)', '//z//', '/..%2f..%2fetc', '/../../files/read', '/%zz?%'])
    for (const [form, headers] of [
      [`/proxy${path}`, `X-Oblien-Proxy-Target: ${app.port}\r\n`],
      [`/proxy/${app.port}${path}`, ''],
    ] as const) {
      const request = `${head(`GET ${form}`, `Connection: close\r\n${headers}${AUTH}`)}\r\n`
      await rawExchange(daemon.port, Buffer.from(request, 'latin1'))
      t.equal(app.asked.at(-1)?.url, path)
    }
  t.equal(app.asked.length, 14)
})

t.test('L-07 an application that is not there, and one that starts again', async (t) => {
  const daemon = await startDaemon(t)
  const first = await openApplication(t)
  const { port } = first
  t.equal((await ask(daemon, { path: `/proxy/${port}/` })).reply.statusCode, 200)
  for (let round = 0; round < 5; round++) {
    const life = { teardown: (handler: () => Promise<void>) => (stop = handler) }
    let stop: (() => Promise<void>) | undefined
    const app = await openApplication(life)
    t.equal((await ask(daemon, { path: `/proxy/${app.port}/` })).reply.statusCode, 200)
    await stop?.()
    t.equal(await refusal(daemon, `/proxy/${app.port}/`), '502 bad_gateway')
    const next = await openApplication(t, { port: app.port })
    t.equal((await ask(daemon, { path: `/proxy/${next.port}/` })).reply.statusCode, 200, 'no stale connection')
  }
})

t.test('L-07 an application on one family only is found', async (t) => {
  const daemon = await startDaemon(t)
  for (const host of ['127.0.0.1', '::1']) {
    const app = await openApplication(t, { host }).catch(() => undefined)
    if (app === undefined) continue // a machine without IPv6
    t.equal((await ask(daemon, { headers: via(app.port) })).reply.statusCode, 200, `port alone, ${host}`)
    const named = { 'x-oblien-proxy-target': `localhost:${app.port}` }
    t.equal((await ask(daemon, { headers: named })).reply.statusCode, 200, `localhost, ${host}`)
    const other = host === '::1' ? '127.0.0.1' : '::1'
    const wrong = { 'x-oblien-proxy-target': `${other}:${app.port}` }
    t.equal(await refusal(daemon, '/proxy/', wrong), '502 bad_gateway', `not where it is not, ${host}`)
  }
})

t.test('H-04 through /proxy: the smuggled second request never reaches a handler', async (t) => {
  const daemon = await startDaemon(t)
  const app = await openApplication(t)
  const smuggled = `GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n`
  const post = (headers: string): string => head(`POST /proxy/${app.port}/first`, AUTH + headers)
  const framings: [string, string, string][] = [
    ['both lengths', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled}`],
    ['two lengths', `Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n`, smuggled],
    ['+', 'Content-Length: +0\r\n', smuggled],
    ['hexadecimal', 'Content-Length: 0x0\r\n', smuggled],
    ['a list', 'Content-Length: 0, 5\r\n', smuggled],
    ['chunked, identity', 'Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${smuggled}`],
    ['identity', 'Transfer-Encoding: identity\r\n', smuggled],
    ['xchunked', 'Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${smuggled}`],
    ['space before the colon', 'Content-Length : 0\r\n', smuggled],
    ['folded', 'X: 1\r\n Content-Length: 99\r\n', smuggled],
    ['bare LF', 'X: 1\nContent-Length: 0\n', smuggled],
    ['lone CR', 'X: 1\rContent-Length: 0\r\n', smuggled],
    ['overflow', 'Transfer-Encoding: chunked\r\n', `FFFFFFFFFFFFFFFFF\r\n${smuggled}`],
    ['sign', 'Transfer-Encoding: chunked\r\n', `-1\r\n${smuggled}`],
    ['LF in chunks', 'Transfer-Encoding: chunked\r\n', `0\n\n${smuggled}`],
    ['long extension', 'Transfer-Encoding: chunked\r\n', `0;${'x'.repeat(1 << 20)}\r\n\r\n${smuggled}`],
    ['upgrade with a body', `Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n`, smuggled],
  ]
  for (const [what, headers, body] of framings) {
    const reply = await rawExchange(daemon.port, `${post(headers)}\r\n${body}`, 2)
    t.equal(reply.status, 400, what)
  }
  const named = await rawExchange(
    daemon.port,
    `${post('Connection: content-length, close\r\nContent-Length: 4\r\n')}\r\nabcd${smuggled}`,
    2,
  )
  t.equal(named.answers, 1, 'Connection: content-length')
  const coded = await rawExchange(daemon.port, `${post('Transfer-Encoding: gzip, chunked\r\n')}\r\n0\r\n\r\n`)
  t.equal(coded.status, 501)
  const behind = await rawExchange(daemon.port, `${post('Transfer-Encoding: chunked\r\n')}\r\n0\r\n\r\n${smuggled}`, 2)
  t.equal(behind.text.match(/HTTP\/1\.1 /g)?.length, 2, 'what follows is a request of its own')
  t.match(behind.text, /HTTP\/1\.1 401/, 'to the daemon, which knows no such caller')
  t.same([...new Set(app.asked.map(({ url }) => url))], ['/first'])
})

t.test('the application judges Origin and answers CORS; a preflight without a credential is ours', async (t) => {
  const page = 'https://page.example'
  const daemon = await startDaemon(t, { config: { cors: { origins: [page] } } })
  const app = await openApplication(t, {
    request: (request, response) =>
      response.writeHead(200, { 'access-control-allow-origin': 'https://theirs.example' }).end(request.headers.origin),
  })
  const path = `/proxy/${app.port}/`
  for (const origin of [page, 'https://theirs.example', 'null']) {
    const { reply, text } = await ask(daemon, { method: 'POST', path, headers: { origin } })
    t.match([reply.statusCode, text], [200, origin])
    t.equal(reply.headers['access-control-allow-origin'], 'https://theirs.example', 'only theirs')
    t.notOk(reply.headers['x-request-id'])
  }
  const preflight = (origin: string) => ({
    origin,
    'access-control-request-method': 'PROPFIND',
    'access-control-request-headers': 'authorization,x-oblien-proxy-target,x-own',
  })
  const before = app.asked.length
  const allowed = await fetch(daemon.url + path, { method: 'OPTIONS', headers: preflight(page) })
  t.equal(allowed.status, 204)
  t.equal(allowed.headers.get('access-control-allow-origin'), page)
  t.equal(allowed.headers.get('access-control-allow-methods'), 'PROPFIND')
  t.match(allowed.headers.get('access-control-allow-headers'), /x-own/)
  t.equal((await fetch(daemon.url + path, { method: 'OPTIONS', headers: preflight('https://x.example') })).status, 403)
  t.equal(app.asked.length, before, 'neither reached the application')
  t.equal((await ask(daemon, { method: 'OPTIONS', path, headers: preflight(page) })).reply.statusCode, 200)
  t.equal(app.asked.length, before + 1, 'with a credential it is passed on')
  const own = await fetch(`${daemon.url}/proxy/1/`, { headers: { origin: page, authorization: `Bearer ${TOKEN}` } })
  t.match([own.status, own.headers.get('access-control-allow-origin')], [502, page], 'our own refusals can be read')
})

t.test('L-09 a page served through the proxy can do nothing here without the token', async (t) => {
  const daemon = await startDaemon(t)
  const app = await openApplication(t, {
    request: (_, response) =>
      response
        .writeHead(200, { 'set-cookie': ['token=x', `authorization=Bearer ${TOKEN}`], 'service-worker-allowed': '/' })
        .end('<script src=worker.js></script>'),
  })
  const { reply } = await ask(daemon, { path: `/proxy/${app.port}/` })
  t.equal(reply.headers['service-worker-allowed'], undefined, 'no worker for all paths')
  const cookie = `token=${TOKEN}; authorization=Bearer ${TOKEN}; access_token=${TOKEN}`
  const headers = { origin: daemon.url, cookie, 'content-type': 'application/json' }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  for (const path of ['/mcp', `/mcp?token=${TOKEN}`, '/exec', `/proxy/${app.port}/`])
    t.equal((await fetch(daemon.url + path, { method: 'POST', headers, body })).status, 401, path)
})
