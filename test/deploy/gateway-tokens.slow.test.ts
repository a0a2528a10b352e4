// Which tokens the gateway of deploy/gateway lets pass: those that are signed as configured, hold at this time and name
// an address on its list. All others are refused before a connection to a workspace (protocol.md#jwt; ).

import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { claimsFor, NO_GATEWAY, openGateway, signed, type Gateway } from '../support/gateway.ts'
import { HS256 } from '../support/jwt.ts'
import { closedPort } from '../support/application.ts'
import { until } from '../support/until.ts'

const HEADER = { alg: 'HS256', typ: 'JWT' }
const now = Math.floor(Date.now() / 1000)

interface Workspace {
  readonly port: number
  /** Connections so far. */
  connections(): number
}

/** Stands for a workspace, on every address of this machine. */
async function openWorkspace(t: Test): Promise<Workspace> {
  let connections = 0
  const server = createServer((request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ success: true, url: request.url, headers: request.headers }))
  }).on('connection', () => connections++)
  await once(server.listen(0, '0.0.0.0'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, connections: () => connections }
}

async function ask(
  gateway: Gateway,
  token?: string,
  path = '/files/stat?path=/',
  headers: Record<string, string> = {},
) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const reply = await fetch(gateway.url + path, { headers: { ...authorization, ...headers } })
  return { status: reply.status, headers: reply.headers, body: (await reply.json()) as Record<string, unknown> }
}

t.test('a token that does not hold is refused, and no workspace is connected to', { skip: NO_GATEWAY }, async (t) => {
  const workspace = await openWorkspace(t)
  const gateway = await openGateway(t, { ports: [workspace.port], issuer: 'https://issuer.example' })
  const claims = claimsFor(workspace.port, { iss: 'https://issuer.example' })
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const good = signed(HEADER, claims)
  const [header = '', payload = '', signature = ''] = good.split('.')
  const encoded = (text: string): string => Buffer.from(text).toString('base64url')
  const bad: Readonly<Record<string, string>> = {
    'nothing at all': 'x',
    'the raw token of a daemon': 'test-token-0123456789abcdef0123456789abcdef',
    'alg none': signed({ alg: 'none' }, claims),
    'alg None': signed({ alg: 'None' }, claims),
    'alg missing': signed({ typ: 'JWT' }, claims),
    'alg as an array': signed({ alg: ['HS256'] }, claims),
    'no signature': `${header}.${payload}.`,
    'a signature that is empty, and no dot': `${header}.${payload}`,
    'signed with another secret': signed(HEADER, claims, Buffer.alloc(32, 'other')),
    'signed with a public key as the secret': signed(HEADER, claims, pem),
    'another family': signed({ alg: 'RS256' }, claims, privateKey),
    'one bit of the signature changed': `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    'half a signature': `${header}.${payload}.${signature.slice(0, 22)}`,
    'other claims': `${header}.${encoded(JSON.stringify({ ...claims, sub: 'root' }))}.${signature}`,
    'another header': `${encoded('{"alg":"HS256"}')}.${payload}.${signature}`,
    crit: signed({ ...HEADER, crit: ['exp'] }, claims),
    'unencoded payload': signed({ ...HEADER, b64: false }, claims),
    jwk: signed({ ...HEADER, jwk: { kty: 'oct', k: 'AAAA' } }, claims),
    jku: signed({ ...HEADER, jku: `http://127.0.0.1:${workspace.port}/keys` }, claims),
    x5u: signed({ ...HEADER, x5u: `http://127.0.0.1:${workspace.port}/keys` }, claims),
    'wrong typ': signed({ ...HEADER, typ: 'JWE' }, claims),
    'five parts': `${good}.a.b`,
    'a header that is no JSON': `${encoded('{')}.${payload}.${signature}`,
    'a header that is null': `${encoded('null')}.${payload}.${signature}`,
    'claims that are a list': signed(HEADER, [claims] as never),
    'not UTF-8': `${Buffer.from([0xff, 0xfe]).toString('base64url')}.${payload}.${signature}`,
    'too long': signed(HEADER, { ...claims, filler: 'x'.repeat(17_000) }),
    'no exp': signed(HEADER, { ...claims, exp: undefined }),
    'exp as text': signed(HEADER, { ...claims, exp: String(now + 3600) }),
    'exp null': signed(HEADER, { ...claims, exp: null }),
    expired: signed(HEADER, { ...claims, exp: now - 61 }),
    'not yet': signed(HEADER, { ...claims, nbf: now + 120 }),
    'nbf as text': signed(HEADER, { ...claims, nbf: '0' }),
    'no issuer': signed(HEADER, { ...claims, iss: undefined }),
    'another issuer': signed(HEADER, { ...claims, iss: 'https://issuer.example.evil' }),
  }
  for (const [label, token] of Object.entries(bad)) {
    const { status, headers, body } = await ask(gateway, token)
    t.equal(status, 401, label)
    t.match(body, { success: false, code: 'unauthorized', error: /Bearer/, request_id: /^\w+$/ }, label)
    t.match(headers.get('www-authenticate'), /^Bearer realm="[\w-]+"$/, label)
  }
  t.equal((await ask(gateway)).status, 401, 'none')
  t.equal((await ask(gateway, undefined, `/files/stat?token=${good}`)).status, 401, 'in the query, but no upgrade')
  t.equal((await ask(gateway, undefined, '/', { authorization: `Basic ${good}` })).status, 401)
  t.equal((await ask(gateway, undefined, '/', { authorization: `Bearer ${good}, Bearer ${good}` })).status, 401)
  t.equal(workspace.connections(), 0)
  t.match(await ask(gateway, good), { status: 200, body: { success: true } }, 'the one that holds')
  t.match(await ask(gateway, signed(HEADER, { ...claims, exp: now - 30 })), { status: 200 }, 'within the tolerance')
  t.notMatch(gateway.log(), /signal/, 'no worker has died')
  t.notMatch(gateway.log(), new RegExp(`${signature}|${payload}`), 'no token is in a log')
})

t.test(
  'an address that is not on the list is 403, and no workspace is connected to',
  { skip: NO_GATEWAY },
  async (t) => {
    const workspace = await openWorkspace(t)
    const gateway = await openGateway(t, { ports: [workspace.port] })
    const elsewhere: readonly object[] = [
      { ip: '127.0.0.2' },
      { ip: '8.8.8.8' },
      { ip: 'localhost' },
      { ip: '127.1' },
      { ip: '2130706433' },
      { ip: '0177.0.0.1' },
      { ip: '127.0.0.1:80' },
      { ip: '127.0.0.1/x' },
      { ip: `127.0.0.1:${workspace.port}@10.0.0.1` },
      { ip: '::1' },
      { ip: '::ffff:127.0.0.1' },
      { ip: ':::' },
      { ip: '' },
      { ip: undefined },
      { ip: ['127.0.0.1'] },
      { ip: 2130706433 },
      { port: workspace.port + 1 },
      { port: undefined },
      { port: 22 },
      { port: String(workspace.port) },
      { port: workspace.port + 0.5 },
      { port: -1 },
      { port: 1e308 },
      { port: null },
    ]
    for (const more of elsewhere) {
      const { status, body } = await ask(
        gateway,
        signed(HEADER, claimsFor(workspace.port, more as Record<string, unknown>)),
      )
      t.equal(status, 403, JSON.stringify(more))
      t.match(body, { success: false, code: 'forbidden' })
    }
    t.equal(workspace.connections(), 0)
    t.notMatch(gateway.log(), /signal/)
    await until('the refusal is logged', () => gateway.log().includes('"refusal":"ip_not_allowed"'))
    const mapped = { ip: '::ffff:7f00:1' } // 127.0.0.1 after all, which is on the list
    t.match(await ask(gateway, signed(HEADER, claimsFor(workspace.port, mapped))), { status: 200 })
  },
)

t.test('RS256: two keys while one is replaced, and no other algorithm', { skip: NO_GATEWAY }, async (t) => {
  const workspace = await openWorkspace(t)
  const [old, current, foreign] = [1, 2, 3].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }))
  const pems = [current, old].map((pair) => pair!.publicKey.export({ type: 'spki', format: 'pem' }).toString())
  const gateway = await openGateway(t, { ports: [workspace.port], algorithm: 'RS256', keys: pems })
  const claims = claimsFor(workspace.port)
  for (const pair of [current, old]) {
    t.match(await ask(gateway, signed({ alg: 'RS256' }, claims, pair!.privateKey)), { status: 200 })
  }
  const connections = workspace.connections()
  t.match(await ask(gateway, signed({ alg: 'RS256' }, claims, foreign!.privateKey)), { status: 401 })
  t.match(await ask(gateway, signed({ alg: 'RS256' }, claims, 'short')), { status: 401 })
  for (const pem of pems) t.match(await ask(gateway, signed(HEADER, claims, pem)), { status: 401 })
  t.match(await ask(gateway, signed({ alg: 'RS256' }, claims, HS256)), { status: 401 })
  t.equal(workspace.connections(), connections)
  t.notMatch(gateway.log(), /signal/)
})

t.test('a secret that is too short, or not there, lets no token pass', { skip: NO_GATEWAY }, async (t) => {
  const workspace = await openWorkspace(t)
  const gateway = await openGateway(t, { ports: [workspace.port], keys: ['short\n'] })
  const token = signed(HEADER, claimsFor(workspace.port), 'short')
  t.match(await ask(gateway, token), { status: 500, body: { success: false, code: 'internal_error' } })
  t.equal(workspace.connections(), 0)
  const missing = await openGateway(t, { ports: [workspace.port], algorithm: 'RS256', keys: ['no key'] })
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  t.match(await ask(missing, signed({ alg: 'RS256' }, claimsFor(workspace.port), privateKey)), { status: 500 })
  await until('the refusal is logged', () => missing.log().includes('"refusal":"unusable_key: '))
  t.notMatch(gateway.log() + missing.log(), /signal/)
  const short = /"refusal":"unusable_key: \S+ holds 5 bytes; 32 or more are needed"/
  await until('the other refusal is logged', () => short.test(gateway.log()))
})

t.test('connections are kept to the workspaces that are listed, and to them alone', { skip: NO_GATEWAY }, async (t) => {
  const [kept, other] = [await openWorkspace(t), await openWorkspace(t)]
  const gone = await closedPort()
  const gateway = await openGateway(t, { ports: [kept.port, other.port, gone], kept: [kept.port] })
  for (const workspace of [kept, other]) {
    const token = signed(HEADER, claimsFor(workspace.port))
    for (let i = 0; i < 50; i++) t.match(await ask(gateway, token), { status: 200 })
  }
  t.ok(kept.connections() <= 2, `${kept.connections()} connections: each worker keeps its own`)
  t.equal(other.connections(), 50)
  t.match(await ask(gateway, signed(HEADER, claimsFor(gone))), {
    status: 502,
    body: { success: false, code: 'bad_gateway' },
  })
  const lines = (): string[] =>
    gateway
      .log()
      .split('\n')
      .filter((line) => line.startsWith('{"time"') && line.endsWith('}'))
  await until('each request is logged', () => lines().length >= 101)
  const log = lines().map((line) => JSON.parse(line) as object)
  t.equal(log.length, 101)
  t.match(log.at(-1), {
    path: '/files/stat',
    status: '502',
    target: `127.0.0.1:${gone}`,
    target_status: '502',
    refusal: '',
  })
})
