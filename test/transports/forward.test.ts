// Requests handed on to another daemon: only to it, only below its path, and only for callers who may do
// everything there too.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { openApplication } from '../support/application.ts'
import { startDaemon, TOKEN } from '../support/daemon.ts'
import { HS256, jwtOf } from '../support/jwt.ts'
import { rawExchange } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

t.test('a target gets what is its own and nothing else', async (t) => {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    response.end('{"success":true}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  const port = (server.address() as AddressInfo).port
  const directory = t.testdir({})
  const secret = join(directory, 'secret')
  writeFileSync(secret, HS256, { mode: 0o600 })
  const daemon = await startDaemon(t, {
    config: {
      jwt: { secret_file: secret },
      targets: { far: { url: `http://127.0.0.1:${port}/base`, token: 'far-token' } },
    },
  })
  const ask = async (path: string, token = TOKEN): Promise<number> => {
    const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`
    return (await rawExchange(daemon.port, head)).status
  }

  t.equal(await ask('/runtimes/far/files?path=/a%20b&x=1'), 200)
  t.match(seen.at(-1), { url: '/base/files?path=%2Fa+b&x=1', headers: { authorization: 'Bearer far-token' } })
  t.equal(await ask('/runtimes/far//elsewhere.example/files'), 200)
  t.equal(seen.at(-1)?.url, '/base//elsewhere.example/files', 'a path that looks like a host is a path')
  const climbing = ['/x/..%2f..%2fup', '/x%2F..%2Fup', '/x/..%5cup', '/%2e%2e%2fup', '/proxy/3000/..%2f..%2fup']
  for (const path of ['/runtimes/far/../up', '/runtimes/far/%2e%2e/up', '/runtimes/far/..']) {
    t.equal(await ask(path), 404, path)
  }
  for (const path of climbing) t.equal(await ask(`/runtimes/far${path}`), 404, path)
  t.equal(seen.length, 2)

  const exp = Math.floor(Date.now() / 1000) + 600
  t.equal(await ask('/runtimes/far/exec', jwtOf({ exp, scope: 'files:read' })), 403, 'limited to some scopes')
  t.equal(seen.length, 2)
  t.equal(await ask('/runtimes/far/exec', jwtOf({ exp })), 200, 'unlimited')
})

t.test('its proxy gets the bytes of the path, and the applications behind it what they need', async (t) => {
  const far = await startDaemon(t)
  const app = await openApplication(t)
  const config = { targets: { far: { url: far.url, token: TOKEN } }, cors: { origins: ['*'] } }
  const near = await startDaemon(t, { config, env: { RUNTIME_TOKEN: `near-${TOKEN}` } })
  const ask = async (target: string, headers = ''): Promise<string> => {
    const head = `GET /runtimes/far${target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer near-${TOKEN}\r\n`
    const more = `Connection: close\r\nCookie: a=1\r\nOrigin: https://page.example\r\n${headers}\r\n`
    return (await rawExchange(near.port, head + more)).text
  }
  const text = await ask('/proxy//a%2Fb/?q=%20+&token=x', `X-Oblien-Proxy-Target: ${app.port}\r\n`)
  t.match(text, /^HTTP\/1\.1 200 /)
  t.notMatch(text, /access-control/i, 'an application answers for itself')
  t.match(app.asked.at(-1), { url: '//a%2Fb/?q=%20+', headers: { cookie: 'a=1', origin: 'https://page.example' } })
  t.notMatch(app.asked.at(-1)?.rawHeaders.join(' '), TOKEN)
  t.match(await ask(`/proxy/${app.port}/x/`, 'X-Forward-Authorization: Basic app\r\n'), /^HTTP\/1\.1 200 /)
  t.match(app.asked.at(-1), { url: '/x/', headers: { authorization: 'Basic app' } })
  t.match(await ask('/proxy/09990/'), /^HTTP\/1\.1 400 /)
  t.match(await ask('/proxy/../files/read?path=/etc/passwd'), /^HTTP\/1\.1 404 /)
})

t.test('a forwarded call is a call of its caller: concurrency, rate, metrics, log', { timeout: 120_000 }, async (t) => {
  const answers: ServerResponse[] = []
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/hold') === true) answers.push(response)
    else if (request.url?.endsWith('/fail') === true) response.writeHead(500).end('{}')
    else if (request.url?.endsWith('/break') === true) response.writeHead(200).write('{', () => response.destroy())
    else response.end('{"success":true}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  const directory = t.testdir({})
  const secret = join(directory, 'secret')
  writeFileSync(secret, HS256, { mode: 0o600 })
  const daemon = await startDaemon(t, {
    args: ['--access-log'],
    config: {
      jwt: { secret_file: secret },
      limits: { concurrency: 2 },
      targets: {
        far: { url: `http://127.0.0.1:${port}`, token: 'far-token' },
        gone: { url: 'http://127.0.0.1:1', token: 'far-token' },
      },
    },
  })
  const exp = Math.floor(Date.now() / 1000) + 600
  const other = { authorization: `Bearer ${jwtOf({ exp, sub: 'other' })}` }
  const calls = async (): Promise<number> =>
    (await daemon.call('GET', '/health/detail', undefined, other)).body.counts.calls
  const held = [1, 2].map(() => daemon.call('GET', '/runtimes/far/hold'))
  await until('both are held', () => answers.length === 2)
  t.equal(await calls(), 3, 'this one among them')
  for (const path of ['/runtimes/far/x', '/runtime']) {
    const refused = await daemon.call('GET', path)
    t.match(refused, { status: 429, body: { code: 'rate_limited', details: { limit: 2 } } }, path)
    t.equal(refused.headers.get('retry-after'), '1')
  }
  t.equal((await daemon.call('GET', '/runtimes/far/x', undefined, other)).status, 200, 'another is served')
  for (const response of answers) response.end('{"success":true}')
  await Promise.all(held)
  await until('its places are free', async () => (await calls()) === 1)

  t.equal((await daemon.call('GET', '/runtimes/far/fail')).status, 500)
  t.equal((await daemon.call('GET', '/runtimes/gone/x')).status, 503)
  await t.rejects(daemon.call('GET', '/runtimes/far/break'))
  const leaving = new AbortController()
  const headers = { authorization: `Bearer ${TOKEN}` }
  const left = fetch(`${daemon.url}/runtimes/far/hold`, { headers, signal: leaving.signal })
  await until('it is held', () => answers.length === 3)
  leaving.abort()
  await t.rejects(left)
  await until('its place is free', async () => (await calls()) === 1)
  const metrics = await fetch(`${daemon.url}/metrics`, { headers })
  const text = await metrics.text()
  const counted = (status: string): number =>
    Number(
      new RegExp(`calls_total{transport="rest",operation="runtime_forward",status="${status}"} (\\d+)`).exec(text)?.[1],
    )
  t.same(
    { ok: counted('2xx'), refused: counted('4xx'), failed: counted('5xx'), left: counted('left') },
    { ok: 3, refused: 1, failed: 3, left: 1 },
  )
  await until('the log has it', () => /"runtime_failed"[^\n]*"runtime":"gone"/.test(daemon.stderr()))
  t.match(daemon.stderr(), /"request"[^\n]*"path":"\/runtimes\/far\/fail","status":500/)
})

t.test('the rate of a caller counts its forwarded calls', async (t) => {
  const far = await startDaemon(t)
  const config = { targets: { far: { url: far.url, token: TOKEN } }, limits: { rate: 3 } }
  const near = await startDaemon(t, { config })
  const statuses = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => near.call('GET', '/runtimes/far/runtime')))
  t.ok(statuses.filter(({ status }) => status === 429).length > 0)
  t.ok(statuses.filter(({ status }) => status === 200).length >= 3)
})
