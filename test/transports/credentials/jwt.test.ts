// Real requests to a server that does nothing but judge; JWTs are put together by hand, so that every lie is possible.

import { createHmac, generateKeyPairSync, sign as signWith, type KeyObject } from 'node:crypto'
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JSONWebKeySet } from 'jose'
import t from 'tap'
import { StartError } from '../../../src/base/signals.ts'
import { openCredentials, type JwtOptions, type Verdict } from '../../../src/transports/credentials/credentials.ts'
import { jwtAdvice } from '../../../src/transports/credentials/jwt-advice.ts'
import { openJwtVerifier } from '../../../src/transports/credentials/jwt.ts'

const SECRET = Buffer.from('a shared secret of 64 bytes, long enough for HS512 as well ......')
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const strangersEc = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const shortRsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const ed = generateKeyPairSync('ed25519')

const publicJwk = (key: KeyObject, kid?: string) => ({
  ...key.export({ format: 'jwk' }),
  ...(kid === undefined ? {} : { kid }),
})
const KEY_SET: JSONWebKeySet = {
  keys: [
    publicJwk(ec.publicKey, 'ec'),
    publicJwk(rsa.publicKey, 'rsa'),
    publicJwk(ed.publicKey, 'ed'),
    publicJwk(shortRsa.publicKey, 'short'),
  ],
}

const now = Math.floor(Date.now() / 1000)
const HOUR = { sub: 'user-1', exp: now + 3600 }

type Signer = (input: string) => Buffer
const hmac =
  (key: Buffer | string, algorithm = 'sha256'): Signer =>
  (input) =>
    createHmac(algorithm, key).update(input).digest()
const es256 =
  (key: KeyObject): Signer =>
  (input) =>
    signWith('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
const rs256 =
  (key: KeyObject): Signer =>
  (input) =>
    signWith('sha256', Buffer.from(input), key)
const eddsa: Signer = (input) => signWith(null, Buffer.from(input), ed.privateKey)

const encoded = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

function craft(header: unknown, claims: unknown, signer: Signer): string {
  const input = `${encoded(header)}.${encoded(claims)}`
  return `${input}.${signer(input).toString('base64url')}`
}
/** What this daemon's gateway would sign with its shared secret. */
const shared = (claims: unknown = HOUR, header: object = {}): string =>
  craft({ alg: 'HS256', ...header }, claims, hmac(SECRET))
/** … and with its EC key. */
const signed = (header: object = {}, claims: unknown = HOUR): string =>
  craft({ alg: 'ES256', kid: 'ec', ...header }, claims, es256(ec.privateKey))

interface Judge extends AsyncDisposable {
  /** Judges one real request. */
  ask(token: string): Promise<Verdict>
}

async function judge(jwt: Partial<JwtOptions>): Promise<Judge> {
  const credentials = await openCredentials({
    token: undefined,
    jwt: { toleranceSeconds: 60, ...jwt },
    failedAuthPerSecond: 0,
  })
  let verdict: Verdict | undefined
  const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    void Promise.resolve(credentials.judge(request, { queryToken: undefined })).then((answer) => {
      verdict = answer
      response.writeHead(answer.ok ? 200 : answer.status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    async ask(token) {
      verdict = undefined
      const request = httpRequest({
        host: '127.0.0.1',
        port,
        agent: false,
        headers: { authorization: `Bearer ${token}` },
      }).end()
      const [response] = await once(request, 'response')
      response.resume()
      if (verdict === undefined) throw new Error('the request was not judged')
      return verdict
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await credentials[Symbol.asyncDispose]()
    },
  }
}

function reasonOf(verdict: Verdict): string {
  return verdict.ok ? 'accepted' : `${verdict.status} ${verdict.reason}`
}

t.test('A-05 hostile JWTs are refused, and nothing they name is ever contacted', async (t) => {
  let strangers = 0
  let fetches = 0
  const stranger = createServer((_, response) =>
    response.end(JSON.stringify({ keys: [publicJwk(strangersEc.publicKey, 'ec')] })),
  )
  stranger.on('connection', () => strangers++)
  const keyServer = createServer((_, response) => {
    fetches++
    response.end(JSON.stringify(KEY_SET))
  })
  for (const server of [stranger, keyServer])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const server of [stranger, keyServer]) server.close().closeAllConnections()
  })
  const lure = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/keys`
  let opened = 0
  const count = (): void => void opened++
  channel('net.client.socket').subscribe(count)
  t.teardown(() => channel('net.client.socket').unsubscribe(count))

  await using ours = await judge({ jwksUrl: `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/keys` })
  t.equal(reasonOf(await ours.ask(signed())), 'accepted', 'the honest one')
  const pem = rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const theirs = es256(strangersEc.privateKey)
  const honest = signed()
  const [head = '', body = '', signature = ''] = honest.split('.')
  const hostile: Record<string, [token: string, reason: string]> = {
    'alg none, empty signature': [`${encoded({ alg: 'none' })}.${body}.`, 'unknown_token'],
    'alg none, a signature': [craft({ alg: 'none' }, HOUR, hmac('x')), 'jwt_wrong_algorithm'],
    'alg None': [craft({ alg: 'None' }, HOUR, hmac('x')), 'jwt_wrong_algorithm'],
    'alg nOnE with our kid': [craft({ alg: 'nOnE', kid: 'ec' }, HOUR, hmac('x')), 'jwt_wrong_algorithm'],
    'alg missing': [craft({ typ: 'JWT' }, HOUR, es256(ec.privateKey)), 'jwt_malformed'],
    'alg empty': [signed({ alg: '' }), 'jwt_malformed'],
    'alg a number': [signed({ alg: 256 }), 'jwt_malformed'],
    'alg a list': [signed({ alg: ['ES256'] }), 'jwt_malformed'],
    'alg __proto__': [signed({ alg: '__proto__' }), 'jwt_wrong_algorithm'],
    'HS256 with the public key as PEM': [craft({ alg: 'HS256', kid: 'rsa' }, HOUR, hmac(pem)), 'jwt_wrong_algorithm'],
    'HS256 with the public key as DER': [
      craft({ alg: 'HS256', kid: 'rsa' }, HOUR, hmac(rsa.publicKey.export({ format: 'der', type: 'spki' }))),
      'jwt_wrong_algorithm',
    ],
    'HS256 with the public key as JWK': [
      craft({ alg: 'HS256', kid: 'ec' }, HOUR, hmac(JSON.stringify(publicJwk(ec.publicKey, 'ec')))),
      'jwt_wrong_algorithm',
    ],
    'HS256 with an empty key': [craft({ alg: 'HS256' }, HOUR, hmac('')), 'jwt_wrong_algorithm'],
    'wrong family: ES256 with the RSA kid': [signed({ kid: 'rsa' }), 'jwt_unknown_key'],
    'wrong family: RS256 with the EC kid': [
      craft({ alg: 'RS256', kid: 'ec' }, HOUR, rs256(rsa.privateKey)),
      'jwt_unknown_key',
    ],
    'an algorithm that is not on the list': [
      craft({ alg: 'RS512', kid: 'rsa' }, HOUR, (input) => signWith('sha512', Buffer.from(input), rsa.privateKey)),
      'jwt_wrong_algorithm',
    ],
    'an RSA key of 1,024 bits': [
      craft({ alg: 'RS256', kid: 'short' }, HOUR, rs256(shortRsa.privateKey)),
      'jwt_unusable_key',
    ],
    'unknown crit': [signed({ crit: ['exp2'], exp2: 1 }), 'jwt_malformed'],
    'empty crit': [signed({ crit: [] }), 'jwt_malformed'],
    'crit that names a standard claim': [signed({ crit: ['alg'] }), 'jwt_malformed'],
    'crit __proto__': [signed({ crit: ['__proto__'] }), 'jwt_malformed'],
    'embedded jwk': [craft({ alg: 'ES256', jwk: publicJwk(strangersEc.publicKey) }, HOUR, theirs), 'jwt_key_in_header'],
    'embedded jwk beside our kid': [signed({ jwk: publicJwk(strangersEc.publicKey) }), 'jwt_key_in_header'],
    jku: [craft({ alg: 'ES256', kid: 'ec', jku: lure }, HOUR, theirs), 'jwt_key_in_header'],
    'jku beside an honest signature': [signed({ jku: lure }), 'jwt_key_in_header'],
    x5u: [craft({ alg: 'ES256', x5u: lure }, HOUR, theirs), 'jwt_key_in_header'],
    x5c: [craft({ alg: 'ES256', x5c: ['MIIB'] }, HOUR, theirs), 'jwt_key_in_header'],
    'kid unknown': [craft({ alg: 'ES256', kid: 'nobody' }, HOUR, theirs), 'jwt_unknown_key'],
    'kid climbs directories': [craft({ alg: 'ES256', kid: '../../x' }, HOUR, theirs), 'jwt_bad_key_id'],
    'kid /dev/null': [craft({ alg: 'ES256', kid: '/dev/null' }, HOUR, theirs), 'jwt_unknown_key'],
    'kid of 10 KiB': [craft({ alg: 'ES256', kid: 'k'.repeat(10 * 1024) }, HOUR, theirs), 'jwt_bad_key_id'],
    'kid an object': [craft({ alg: 'ES256', kid: { $ne: '' } }, HOUR, theirs), 'jwt_bad_key_id'],
    'kid a URL': [craft({ alg: 'ES256', kid: lure }, HOUR, theirs), 'jwt_unknown_key'],
    'wrong typ': [signed({ typ: 'secevent+jwt' }), 'jwt_wrong_type'],
    'typ JWE': [signed({ typ: 'JWE' }), 'jwt_wrong_type'],
    'typ a number': [signed({ typ: 1 }), 'jwt_wrong_type'],
    'a JWE': [
      `${encoded({ alg: 'dir', enc: 'A256GCM' })}..${encoded('iv')}.${encoded('text')}.${encoded('tag')}`,
      'unknown_token',
    ],
    'a JWE header in three parts': [craft({ alg: 'dir', enc: 'A256GCM' }, HOUR, theirs), 'jwt_wrong_algorithm'],
    'unencoded payload': [signed({ b64: false, crit: ['b64'] }), 'jwt_unencoded_payload'],
    'b64 false without crit': [signed({ b64: false }), 'jwt_unencoded_payload'],
    "a stranger's signature": [craft({ alg: 'ES256', kid: 'ec' }, HOUR, theirs), 'jwt_wrong_signature'],
    'a changed payload': [`${head}.${encoded({ ...HOUR, scope: 'admin' })}.${signature}`, 'jwt_wrong_signature'],
    'a changed header': [`${encoded({ alg: 'ES256', kid: 'ec', x: 1 })}.${body}.${signature}`, 'jwt_wrong_signature'],
    'a cut signature': [honest.slice(0, -2), 'jwt_wrong_signature'],
    'a signature of zeros': [`${head}.${body}.${Buffer.alloc(64).toString('base64url')}`, 'jwt_wrong_signature'],
    'a DER signature': [
      craft({ alg: 'ES256', kid: 'ec' }, HOUR, (input) => signWith('sha256', Buffer.from(input), ec.privateKey)),
      'jwt_wrong_signature',
    ],
    'a header that is no JSON': [craft('{"alg":"ES256"', HOUR, theirs), 'jwt_malformed'],
    'a header that is a list': [craft([{ alg: 'ES256' }], HOUR, theirs), 'jwt_malformed'],
    'claims that are a list': [signed({}, [HOUR]), 'jwt_malformed'],
    'claims that are null': [signed({}, null), 'jwt_malformed'],
    'padding in the signature': [`${honest}==`, 'unknown_token'],
    'a fourth part': [`${honest}.${signature}`, 'unknown_token'],
    'a token of 17 KiB': [signed({}, { ...HOUR, more: 'x'.repeat(17 * 1024) }), 'token_too_long'],
  }
  const before = opened
  for (const [name, [token, reason]] of Object.entries(hostile)) {
    const verdict = await ours.ask(token)
    t.equal(reasonOf(verdict), `401 ${reason}`, name)
    t.match(verdict, { sentInvalid: true }, name)
    t.notMatch(JSON.stringify(verdict), token.slice(0, 40), `${name}: no text of it in the verdict`)
  }
  t.ok(Object.keys(hostile).length >= 24)
  t.equal(reasonOf(await ours.ask(signed())), 'accepted', 'the honest one still')
  t.equal(strangers, 0, 'nobody was called')
  t.equal(fetches, 1, 'the configured set was read once')
  t.equal(
    opened - before,
    Object.keys(hostile).length + 1,
    'every connection of this process was a request of this test',
  )
})

t.test('A-05 with a shared secret no other family passes', async (t) => {
  await using ours = await judge({ secret: SECRET })
  t.equal(reasonOf(await ours.ask(shared())), 'accepted')
  const refused: Record<string, [string, string]> = {
    'another secret': [
      craft({ alg: 'HS256' }, HOUR, hmac('another secret that is long enough ....')),
      'wrong_signature',
    ],
    'HS512 though it is not on the list': [craft({ alg: 'HS512' }, HOUR, hmac(SECRET, 'sha512')), 'wrong_algorithm'],
    ES256: [signed(), 'wrong_algorithm'],
    none: [craft({ alg: 'none' }, HOUR, hmac('x')), 'wrong_algorithm'],
    'an embedded secret': [shared(HOUR, { jwk: { kty: 'oct', k: 'AAAA' } }), 'key_in_header'],
    'a kid that climbs': [shared(HOUR, { kid: '../../dev/null' }), 'bad_key_id'],
  }
  for (const [name, [token, reason]] of Object.entries(refused))
    t.equal(reasonOf(await ours.ask(token)), `401 jwt_${reason}`, name)
  t.equal(
    reasonOf(await ours.ask(shared(HOUR, { typ: 'JWT', kid: 'gateway-1' }))),
    'accepted',
    'a key id means nothing to one secret',
  )
  await using wide = await judge({ secret: SECRET, algorithms: ['HS256', 'HS512'] })
  t.equal(reasonOf(await wide.ask(craft({ alg: 'HS512' }, HOUR, hmac(SECRET, 'sha512')))), 'accepted')
})

t.test('A-06 claims', async (t) => {
  await using ours = await judge({ secret: SECRET, audience: 'workspace-1', issuer: 'gateway', toleranceSeconds: 30 })
  const good = { exp: now + 3600, aud: 'workspace-1', iss: 'gateway' }
  const without = (claim: string): object => Object.fromEntries(Object.entries(good).filter(([name]) => name !== claim))
  const cases: Record<string, [claims: object, outcome: string]> = {
    good: [good, 'accepted'],
    'within the tolerance': [{ ...good, exp: now - 10 }, 'accepted'],
    'several audiences': [{ ...good, aud: ['workspace-2', 'workspace-1'] }, 'accepted'],
    'issued now': [{ ...good, iat: now, nbf: now }, 'accepted'],
    'exp past by the tolerance and more': [{ ...good, exp: now - 31 }, 'expired'],
    'exp 0': [{ ...good, exp: 0 }, 'expired'],
    'exp negative': [{ ...good, exp: -1e308 }, 'expired'],
    'nbf in the future': [{ ...good, nbf: now + 600 }, 'not_yet_valid'],
    'iat in the future': [{ ...good, iat: now + 600 }, 'not_yet_valid'],
    'no exp': [without('exp'), 'missing_exp'],
    'no aud': [without('aud'), 'missing_aud'],
    'no iss': [without('iss'), 'missing_iss'],
    'aud of another workspace': [{ ...good, aud: 'workspace-2' }, 'wrong_audience'],
    'aud with a longer name': [{ ...good, aud: 'workspace-10' }, 'wrong_audience'],
    'aud an empty list': [{ ...good, aud: [] }, 'wrong_audience'],
    'aud an object': [{ ...good, aud: { 0: 'workspace-1' } }, 'wrong_audience'],
    'another issuer': [{ ...good, iss: 'gateway ' }, 'wrong_issuer'],
    'iss a list': [{ ...good, iss: ['gateway'] }, 'wrong_issuer'],
    'exp a numeric string': [{ ...good, exp: String(now + 3600) }, 'bad_exp'],
    'exp null': [{ ...good, exp: null }, 'bad_exp'],
    'nbf a numeric string': [{ ...good, nbf: '0' }, 'bad_nbf'],
    'iat a numeric string': [{ ...good, iat: '0' }, 'bad_iat'],
    'exp 1e308': [{ ...good, exp: 1e308 }, 'lifetime_too_long'],
    'exp in milliseconds': [{ ...good, exp: Date.now() }, 'lifetime_too_long'],
    'scope a list': [{ ...good, scope: ['exec'] }, 'bad_scope'],
    'scope null': [{ ...good, scope: null }, 'bad_scope'],
  }
  for (const [name, [claims, outcome]] of Object.entries(cases)) {
    t.equal(reasonOf(await ours.ask(shared(claims))), outcome === 'accepted' ? outcome : `401 jwt_${outcome}`, name)
  }
  const infinite = `{"exp":1e999,"aud":"workspace-1","iss":"gateway"}`
  t.equal(reasonOf(await ours.ask(shared(infinite))), '401 jwt_lifetime_too_long', 'exp infinite')
  t.equal(reasonOf(await ours.ask(shared('{"exp":1,"exp":9e9,"aud"'))), '401 jwt_malformed', 'cut JSON')
})

t.test('what a JWT makes of its caller', async (t) => {
  await using ours = await judge({ secret: SECRET })
  const callerOf = async (claims: object) => {
    const verdict = await ours.ask(shared(claims))
    if (!verdict.ok) throw new Error(verdict.reason)
    return verdict.caller
  }
  const first = await callerOf({ ...HOUR, sub: 'a secret name' })
  t.match(first.id, /^jwt:[0-9a-f]{32}$/, 'free of secrets')
  t.equal(first.scopes, 'all')
  t.equal(first.expiresAt, HOUR.exp * 1000)
  t.equal(
    (await callerOf({ ...HOUR, sub: 'a secret name', exp: now + 7200 })).id,
    first.id,
    'a renewed token is the same caller',
  )
  const others = [
    { sub: 'b' },
    { sub: 'a secret name', iss: 'x' },
    { sub: undefined, jti: 'a secret name' },
    { sub: undefined },
  ]
  const ids = new Set([first.id])
  for (const claims of others) ids.add((await callerOf({ ...HOUR, ...claims })).id)
  t.equal(ids.size, 5, 'each other one is another')
  t.equal((await callerOf({ ...HOUR })).id, (await callerOf({ ...HOUR })).id)
  const scoped = await callerOf({ ...HOUR, scope: 'files:read exec  root none' })
  t.same(scoped.scopes, new Set(['files:read', 'exec']), 'unknown words allow nothing')
  t.same((await callerOf({ ...HOUR, scope: '' })).scopes, new Set())
})

t.test('rights in another claim than scope are not taken for all rights', async (t) => {
  await using ours = await judge({ secret: SECRET })
  for (const claims of [{ scp: ['files:read'] }, { scopes: 'files:read' }, { permissions: [] }, { scp: null }]) {
    t.equal(reasonOf(await ours.ask(shared({ ...HOUR, ...claims }))), '401 jwt_scope_elsewhere', JSON.stringify(claims))
  }
  t.equal(reasonOf(await ours.ask(shared({ ...HOUR, scp: 'exec', scope: 'exec' }))), 'accepted')
  t.equal(reasonOf(await ours.ask(shared(HOUR))), 'accepted')
  await using strict = await judge({ secret: SECRET, requireScope: true })
  t.equal(reasonOf(await strict.ask(shared(HOUR))), '401 jwt_missing_scope')
  t.equal(reasonOf(await strict.ask(shared({ ...HOUR, scope: 'exec' }))), 'accepted')
})

t.test('a token for another workspace is refused where this one has a name', async (t) => {
  await using ours = await judge({ secret: SECRET, workspace: 'ws-1' })
  t.equal(reasonOf(await ours.ask(shared({ ...HOUR, ws: 'ws-1' }))), 'accepted')
  t.equal(reasonOf(await ours.ask(shared({ ...HOUR, ws: ['ws-0', 'ws-1'] }))), 'accepted')
  t.equal(reasonOf(await ours.ask(shared(HOUR))), '401 jwt_missing_ws')
  for (const ws of ['ws-2', ['ws-2'], [['ws-1']], { 'ws-1': true }, null, '']) {
    t.equal(reasonOf(await ours.ask(shared({ ...HOUR, ws }))), '401 jwt_wrong_workspace', JSON.stringify(ws))
  }
})

t.test('what a configuration accepts beyond what may be meant is said', async (t) => {
  const advice = (options: Partial<JwtOptions>) =>
    jwtAdvice({ secret: SECRET, toleranceSeconds: 60, ...options }).map(({ says }) => says.slice(0, 27))
  t.same(advice({}), ['neither jwt.audience nor jw', 'jwt.require_scope is not se'])
  t.same(advice({ workspace: 'w', requireScope: true }), [])
  t.same(advice({ audience: 'a' }), ['jwt.require_scope is not se'])
})

t.test('a verified token is remembered, but never beyond its end', async (t) => {
  const tolerance = 1
  await using verifier = await openJwtVerifier({ secret: SECRET, toleranceSeconds: tolerance })
  const token = shared({ exp: now + 600 })
  t.equal(verifier.recall('digest'), undefined)
  t.match(await verifier.verify(token, 'digest'), { caller: { scopes: 'all' } })
  t.match(verifier.recall('digest'), { scopes: 'all' })
  const clock = t.capture(Date, 'now', () => (now + 3600) * 1000)
  t.equal(verifier.recall('digest'), undefined, 'the clock moved on')
  clock.restore()
  t.equal(verifier.recall('digest'), undefined, 'and it was forgotten')
  for (let n = 0; n <= 1_000; n++) await verifier.verify(token, `digest ${n}`)
  t.equal(verifier.recall('digest 0'), undefined, 'at most 1,000 are remembered')
})

t.test('key sets: every default algorithm, and tokens without a key id', async (t) => {
  await using ours = await judge({ jwks: KEY_SET })
  const pss: Signer = (input) =>
    signWith('sha256', Buffer.from(input), { key: rsa.privateKey, padding: 6, saltLength: 32 })
  const tokens: Record<string, string> = {
    ES256: signed(),
    'ES256 without kid': signed({ kid: undefined }),
    'RS256 without kid, two keys fit': craft({ alg: 'RS256' }, HOUR, rs256(rsa.privateKey)),
    PS256: craft({ alg: 'PS256', kid: 'rsa' }, HOUR, pss),
    EdDSA: craft({ alg: 'EdDSA', kid: 'ed' }, HOUR, eddsa),
    Ed25519: craft({ alg: 'Ed25519', typ: 'at+jwt' }, HOUR, eddsa),
  }
  for (const [name, token] of Object.entries(tokens)) t.equal(reasonOf(await ours.ask(token)), 'accepted', name)
  const expired = craft({ alg: 'RS256' }, { exp: 1 }, rs256(rsa.privateKey))
  t.equal(reasonOf(await ours.ask(expired)), '401 jwt_expired')
  const foreign = craft({ alg: 'RS256' }, HOUR, rs256(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey))
  t.match(reasonOf(await ours.ask(foreign)), /^401 jwt_/)
})

t.test('a JWT configuration that cannot be meant ends the start', async (t) => {
  const privateKey = ec.privateKey.export({ format: 'jwk' })
  const wrong: Record<string, [Partial<JwtOptions>, RegExp]> = {
    'no key': [{}, /exactly one of/],
    'two sources': [{ secret: SECRET, jwks: KEY_SET }, /exactly one of/],
    'RS256 with a secret': [
      { secret: SECRET, algorithms: ['RS256'] },
      /"RS256"; accepted with a shared secret are HS256, HS384, HS512/,
    ],
    'HS256 with a key set': [
      { jwks: KEY_SET, algorithms: ['ES256', 'HS256'] },
      /"HS256"; accepted with a key set are RS256/,
    ],
    none: [{ secret: SECRET, algorithms: ['none'] }, /"none"/],
    'a secret too short for HS512': [
      { secret: SECRET.subarray(0, 63), algorithms: ['HS512'] },
      /63 bytes long; HS512 takes 64/,
    ],
    'an empty set': [{ jwks: { keys: [] } }, /holds no key/],
    'a private key in the set': [{ jwks: { keys: [privateKey] } }, /a key that is not public/],
    'a secret in the set': [
      { jwks: { keys: [{ kty: 'oct', k: 'AAAA', kid: 'x' }] } },
      /a key that is not public: kid "x"/,
    ],
    'an entry that is no object': [
      { jwks: { keys: [null, publicJwk(ec.publicKey)] as unknown as JSONWebKeySet['keys'] } },
      /keys\[0\] of the JSON Web Key Set is not a key; accepted is an object/,
    ],
    'a key id that is no text': [
      { jwks: { keys: [{ ...publicJwk(ec.publicKey), kid: 7 as unknown as string }] } },
      /keys\[0\] of the JSON Web Key Set is not a key/,
    ],
    'a file URL': [{ jwksUrl: 'file:///keys' }, /must be an http or https URL/],
  }
  for (const [name, [options, sentence]] of Object.entries(wrong)) {
    const opening = openJwtVerifier({ toleranceSeconds: 60, ...options })
    await t.rejects(opening, StartError, name)
    await t.rejects(opening, { message: sentence, exitCode: 2 }, name)
  }
  await t.rejects(
    openCredentials({ token: undefined, jwt: undefined, failedAuthPerSecond: 20 }),
    StartError,
    'no open mode (A-03)',
  )
})
