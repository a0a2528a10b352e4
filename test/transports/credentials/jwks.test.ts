// Signing keys behind a real HTTP server that can be down, slow or wrong; time is moved by the test.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as jose from 'jose'
import t from 'tap'
import { StartError } from '../../../src/base/signals.ts'
import { until } from '../../support/until.ts'
import { checkedJwksUrl, KeysUnavailable, openRemoteKeys } from '../../../src/transports/credentials/jwks.ts'

const MINUTE = 60_000

interface KeyServer extends AsyncDisposable {
  url: URL
  fetches: number
  /** How it answers from now on. */
  answer: (request: IncomingMessage, response: ServerResponse) => void
}

async function keyServer(keys: jose.JWK[] = []): Promise<KeyServer> {
  const server = createServer((request, response) => {
    held.fetches++
    held.answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const held: KeyServer = {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys.json`),
    fetches: 0,
    answer: serving(keys),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return held
}

const serving =
  (keys: jose.JWK[]): KeyServer['answer'] =>
  (_, response) =>
    response.end(JSON.stringify({ keys }))

async function publicKey(kid: string): Promise<jose.JWK> {
  const { publicKey } = await jose.generateKeyPair('ES256', { extractable: true })
  return { ...(await jose.exportJWK(publicKey)), kid }
}

const known = { alg: 'ES256', kid: 'known' }
const [first, second] = [await publicKey('known'), await publicKey('new')]

t.test('A-07 1,000 random key ids cause one fetch in 30 s, and a rotated key is taken within them', async (t) => {
  await using server = await keyServer([first])
  let now = 0
  await using keys = openRemoteKeys(jose, server.url, () => now)
  await keys.find(known)
  t.equal(server.fetches, 1)
  for (let n = 0; n < 1_000; n++) {
    now = n * 10
    await t.rejects(keys.find({ alg: 'ES256', kid: `random ${n}` }), jose.errors.JWKSNoMatchingKey)
  }
  t.equal(server.fetches, 1, 'none of them within the pause')
  server.answer = serving([first, second])
  await t.rejects(
    keys.find({ alg: 'ES256', kid: 'new' }),
    jose.errors.JWKSNoMatchingKey,
    'rotated at 10 s, still paused',
  )
  now = 30_000
  t.ok(await keys.find({ alg: 'ES256', kid: 'new' }), 'known 30 s after the last fetch')
  t.equal(server.fetches, 2)
})

t.test('A-07 many tokens at once wait for one fetch', async (t) => {
  await using server = await keyServer([first])
  await using keys = openRemoteKeys(jose, server.url)
  await Promise.all(Array.from({ length: 50 }, () => keys.find(known)))
  t.equal(server.fetches, 1)
})

const failures: Record<string, KeyServer['answer']> = {
  'HTTP 500': (_, response) => response.writeHead(500).end(JSON.stringify({ keys: [first] })),
  'a redirect': (_, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
  'invalid JSON': (_, response) => response.end('{"keys": ['),
  'JSON that is no key set': (_, response) => response.end('{"keys": "none"}'),
  '10 MiB': (_, response) => response.end(JSON.stringify({ keys: [first], padding: 'x'.repeat(10 * 1024 * 1024) })),
  'a cut body': (request) =>
    void request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"ke', () => request.socket.destroy()),
  'a reset': (request) => request.socket.resetAndDestroy(),
}
for (const [name, answer] of Object.entries(failures)) {
  t.test(`A-07 ${name}: known keys work on for ten minutes, unknown ones fail, fetches stay 30 s apart`, async (t) => {
    await using server = await keyServer([first])
    let now = 0
    await using keys = openRemoteKeys(jose, server.url, () => now)
    await keys.find(known)
    server.answer = answer
    for (now = 0; now <= 10 * MINUTE; now += 5_000) {
      t.ok(await keys.find(known), `known after ${now} ms`)
      await t.rejects(keys.find({ alg: 'ES256', kid: 'other' }), jose.errors.JWKSNoMatchingKey)
    }
    t.ok(server.fetches <= 1 + 20, `${server.fetches} fetches in ten minutes`)
    now = 10 * MINUTE + 1
    await t.rejects(keys.find(known), KeysUnavailable, 'too old to be believed')
    server.answer = serving([first])
    now += 30_000
    t.ok(await keys.find(known), 'and works again once the URL does')
  })
}

t.test('A-07 a URL that was never up: refused at once during the pause, accepted after it', async (t) => {
  await using server = await keyServer([first])
  server.answer = (request) => request.socket.resetAndDestroy()
  let now = 0
  await using keys = openRemoteKeys(jose, server.url, () => now)
  for (now = 0; now < 30_000; now += 1_000) await t.rejects(keys.find(known), KeysUnavailable)
  t.equal(server.fetches, 1)
  server.answer = serving([first])
  t.ok(await keys.find(known))
})

t.test('A-07 a slow URL: an unknown key fails in 5 s, a known one does not wait', async (t) => {
  await using server = await keyServer([first])
  let now = 0
  await using keys = openRemoteKeys(jose, server.url, () => now)
  await keys.find(known)
  server.answer = () => {}
  now = 6 * MINUTE
  t.ok(await keys.find(known), 'answered from what is held, while the set is read again')
  const unknown = keys.find({ alg: 'ES256', kid: 'other' })
  t.ok(await keys.find(known))
  let settled = false
  unknown.then(
    () => (settled = true),
    () => (settled = true),
  )
  t.notOk(settled, 'the unknown one still waits')
  await t.rejects(unknown, jose.errors.JWKSNoMatchingKey, 'and is refused though the URL never answers')
  t.equal(server.fetches, 2)
})

t.test('closing ends a fetch under way', async (t) => {
  await using server = await keyServer()
  server.answer = () => {}
  const keys = openRemoteKeys(jose, server.url)
  const waiting = t.rejects(keys.find(known), KeysUnavailable)
  await keys[Symbol.asyncDispose]()
  await waiting
  await t.rejects(keys.find(known), KeysUnavailable, 'and none begins afterwards')
})

t.test('private and shared keys in a set are never used', async (t) => {
  const pair = await jose.generateKeyPair('ES256', { extractable: true })
  const privateKey = { ...(await jose.exportJWK(pair.privateKey)), kid: 'private' }
  const shared = { kty: 'oct', k: 'c2VjcmV0', kid: 'shared' }
  await using server = await keyServer([privateKey, shared])
  await using keys = openRemoteKeys(jose, server.url)
  await t.rejects(keys.find({ alg: 'ES256', kid: 'private' }), jose.errors.JWKSNoMatchingKey)
  await t.rejects(keys.find({ alg: 'HS256', kid: 'shared' }), jose.errors.JOSENotSupported)
})

t.test('only http and https URLs without credentials are accepted', async (t) => {
  t.equal(checkedJwksUrl('https://keys.example/set').href, 'https://keys.example/set')
  for (const text of [
    '',
    'keys.json',
    'file:///etc/passwd',
    'data:application/json,{}',
    'https://user:secret@keys.example/',
  ]) {
    t.throws(() => checkedJwksUrl(text), StartError, text)
  }
})

t.test(
  'tokens of unknown keys wait for a slow URL in a bounded number, and those of known keys never do',
  async (t) => {
    await using server = await keyServer([first])
    let now = 0
    await using keys = openRemoteKeys(jose, server.url, () => now)
    await keys.find(known)
    now = MINUTE
    let answer = (): void => undefined
    server.answer = (request, response) => {
      answer = () => serving([first, second])(request, response)
    }
    const early = keys.find({ alg: 'ES256', kid: 'new' })
    const strangers = Array.from(
      { length: 1_500 },
      async (_, n) => await keys.find({ alg: 'ES256', kid: `random ${n}` }),
    )
    const settled = Promise.allSettled(strangers)
    for (let n = 0; n < 100; n++) await keys.find(known)
    await until('the set is asked for', () => server.fetches === 2)
    answer()
    await early
    const reasons = (await settled).map((one) => (one.status === 'rejected' ? one.reason : undefined))
    t.equal(reasons.filter((reason) => reason instanceof KeysUnavailable).length, 501, 'beyond 1,000 none waits')
    t.equal(reasons.filter((reason) => reason instanceof jose.errors.JWKSNoMatchingKey).length, 999)
  },
)

t.test('entries of the set that are no public keys are passed over', async (t) => {
  const odd = [null, 'x', 5, [], {}, { kty: 5 }, { ...first, kid: 5 }, { kty: 'oct', k: 'AAAA', kid: 'known' }]
  await using server = await keyServer([...odd, first] as jose.JWK[]) // not keys, that is the point
  await using keys = openRemoteKeys(jose, server.url)
  t.ok(await keys.find(known))
  await t.rejects(keys.find({ alg: 'HS256', kid: 'known' }), 'a shared secret in a public set is none')
})
