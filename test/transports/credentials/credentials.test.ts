// Real requests to a server that does nothing but judge, as the front door does.

import { SignJWT } from 'jose'
import { getEventListeners, once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { onRevoked } from '../../../src/caller.ts'
import {
  bearerOf,
  digestOf,
  openCredentials,
  rawTokenCheck,
  type CredentialOptions,
  type Verdict,
} from '../../../src/transports/credentials/credentials.ts'

const TOKEN = '0123456789abcdef'.repeat(4)
const SECRET = Buffer.alloc(32, 's')
const JWT = { secret: SECRET, toleranceSeconds: 60 }

interface Judged {
  readonly status: number
  readonly verdict: Verdict | undefined
}

interface Judge extends AsyncDisposable {
  readonly port: number
  /** `headers` as name, value, name, value …; a path other than /ws has no query token. */
  ask(headers: readonly string[], path?: string): Promise<Judged>
}

async function judge(options: Partial<CredentialOptions> = {}): Promise<Judge> {
  const credentials = await openCredentials({ token: TOKEN, jwt: undefined, failedAuthPerSecond: 0, ...options })
  let verdict: Verdict | undefined
  const decide = async (request: IncomingMessage): Promise<number> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    verdict = await credentials.judge(request, {
      queryToken: pathname === '/ws' ? (searchParams.get('token') ?? undefined) : undefined,
    })
    return verdict.ok ? 200 : verdict.status
  }
  const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    void decide(request).then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(500).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    async ask(headers, path = '/') {
      verdict = undefined
      const request = httpRequest({
        host: '127.0.0.1',
        port,
        path,
        agent: false,
        headers: ['Host', 'localhost', ...headers],
      }).end()
      const [response]: IncomingMessage[] = (await once(request, 'response')) as IncomingMessage[]
      response?.resume()
      return { status: response?.statusCode ?? 0, verdict }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await credentials[Symbol.asyncDispose]()
    },
  }
}

const bearer = (token: string): string[] => ['Authorization', `Bearer ${token}`]
const refusedFor = (judged: Judged): string => (judged.verdict?.ok === false ? judged.verdict.reason : 'accepted')

async function jwt(claims: Record<string, unknown> = {}, secret = SECRET): Promise<string> {
  return await new SignJWT({ sub: 'user', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(secret)
}

t.test('A-02 every token but the right one is 401, never 500', async (t) => {
  await using ours = await judge()
  t.match(await ours.ask(bearer(TOKEN)), {
    status: 200,
    verdict: { ok: true, caller: { id: 'token', scopes: 'all', expiresAt: undefined, revoked: { aborted: false } } },
  })
  const wrong = [
    'x',
    TOKEN.slice(1),
    TOKEN.slice(0, -1),
    `${TOKEN}0`,
    TOKEN.toUpperCase(),
    'x'.repeat(8192),
    'x'.repeat(17_000),
  ]
  for (const at of TOKEN.split('').keys()) wrong.push(`${TOKEN.slice(0, at)}x${TOKEN.slice(at + 1)}`)
  wrong.push('é'.repeat(64), `${TOKEN}é`, '\u00ff', `${TOKEN},${TOKEN}`, `"${TOKEN}"`, '__proto__', digestOf(TOKEN))
  for (const token of wrong) {
    const judged = await ours.ask(bearer(token))
    t.match(judged, { status: 401, verdict: { sentInvalid: true } }, token.slice(0, 70))
    t.notMatch(JSON.stringify(judged.verdict), token.slice(0, 32).padEnd(32))
  }
  t.equal(refusedFor(await ours.ask(bearer('x'.repeat(17_000)))), 'token_too_long')
})

t.test('A-02 the comparison takes the same time wherever the token is wrong', async (t) => {
  const isToken = rawTokenCheck(TOKEN)
  const time = (candidate: string): number => {
    const start = process.hrtime.bigint()
    isToken(digestOf(candidate))
    return Number(process.hrtime.bigint() - start)
  }
  const round = (): number => {
    // New strings each round, in an order that nothing else can be in step with, timed by the same instructions:
    // where a string lies, what was done before, and a second compilation all cost more than what is sought.
    const wrongAt = [`x${TOKEN.slice(1)}`, `${TOKEN.slice(0, -1)}x`].map((text) => Buffer.from(text).toString('latin1'))
    const samples: [number[], number[]] = [[], []]
    for (let n = 0; n < 20_000; n++) {
      const which = Math.random() < 0.5 ? 0 : 1
      samples[which].push(time(wrongAt[which] ?? ''))
    }
    return Math.abs(welch(...samples))
  }
  round()
  // A busy machine can push one round over; a comparison that leaks pushes all of them.
  let t4 = Infinity
  for (let n = 0; n < 20 && t4 >= 4.5; n++) t4 = Math.min(t4, round())
  t.ok(t4 < 4.5, `Welch t ${t4.toFixed(2)}`)
})

/** Welch's t of two samples, each without its slowest twentieth (interrupts). */
function welch(a: number[], b: number[]): number {
  const [x, y] = [a, b].map((sample) => {
    const kept = sample.toSorted((p, q) => p - q).slice(0, Math.floor(sample.length * 0.95))
    const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length
    return { mean, error: kept.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (kept.length - 1) / kept.length }
  })
  return x === undefined || y === undefined ? NaN : (x.mean - y.mean) / Math.sqrt(x.error + y.error || 1)
}

t.test('A-04 exactly one Authorization header, one bearer token', async (t) => {
  await using ours = await judge()
  for (const header of [
    `Bearer ${TOKEN}`,
    `bearer ${TOKEN}`,
    `BEARER ${TOKEN}`,
    `Bearer  ${TOKEN}`,
    `Bearer ${TOKEN}  `,
  ]) {
    t.equal((await ours.ask(['authorization', header])).status, 200, header)
  }
  const others: Record<string, string[]> = {
    'nothing at all': [],
    'an empty header': ['Authorization', ''],
    'the bare token': ['Authorization', TOKEN],
    'no token': ['Authorization', 'Bearer'],
    'only spaces': ['Authorization', 'Bearer   '],
    Basic: ['Authorization', `Basic ${Buffer.from(`user:${TOKEN}`).toString('base64')}`],
    'no space': ['Authorization', `Bearer${TOKEN}`],
    'a tab': ['Authorization', `Bearer\t${TOKEN}`],
    'a comma list': ['Authorization', `Bearer ${TOKEN}, Bearer ${TOKEN}`],
    'a list of schemes': ['Authorization', `Basic dXNlcg==, Bearer ${TOKEN}`],
    'two tokens': ['Authorization', `Bearer ${TOKEN} ${TOKEN}`],
    'another header': ['Proxy-Authorization', `Bearer ${TOKEN}`],
    'a cookie': ['Cookie', `token=${TOKEN}`],
  }
  for (const [name, headers] of Object.entries(others)) {
    t.match(await ours.ask(headers), { status: 401, verdict: { sentInvalid: false } }, name)
  }
  for (const second of [TOKEN, 'wrong']) {
    t.match(await ours.ask([...bearer(TOKEN), ...bearer(second)]), { status: 400 }, 'two headers, the first valid')
    t.match(
      await ours.ask([...bearer('wrong'), 'AUTHORIZATION', `Bearer ${second}`]),
      { status: 400 },
      'whatever their case',
    )
  }
})

t.test('A-04 duplicates are seen as they come over the wire', async (t) => {
  await using ours = await judge()
  const socket = connect(ours.port, '127.0.0.1')
  socket.end(
    `GET / HTTP/1.1\r\nHost: x\r\nauthorization: Bearer ${TOKEN}\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n`,
  )
  const [answer] = await once(socket, 'data')
  t.match(String(answer), /^HTTP\/1\.1 400 /)
})

t.test('A-04 on /ws every credential presented must be valid', async (t) => {
  await using ours = await judge({ jwt: JWT })
  const signed = await jwt({ scope: 'terminal' })
  const ws = (token: string): string => `/ws?token=${encodeURIComponent(token)}`
  t.equal((await ours.ask([], ws(TOKEN))).status, 200)
  t.equal((await ours.ask(bearer(TOKEN), ws(TOKEN))).status, 200)
  t.equal((await ours.ask([], ws(signed))).status, 200)
  const both = await ours.ask(bearer(signed), ws(TOKEN))
  t.match(both, { status: 200, verdict: { caller: { id: /^jwt:/ } } }, 'the header says who it is')
  t.match(await ours.ask(bearer(TOKEN), ws(await jwt({ jti: 'fresh' }))), { verdict: { caller: { id: 'token' } } })
  t.equal((await ours.ask(bearer(TOKEN), ws('wrong'))).status, 401)
  t.equal((await ours.ask(bearer('wrong'), ws(TOKEN))).status, 401)
  t.equal((await ours.ask(bearer(TOKEN), ws('')))?.status, 401, 'an empty one is none')
  t.equal((await ours.ask(bearer(TOKEN), ws(await jwt({}, Buffer.alloc(32, 'x'))))).status, 401)
  t.equal((await ours.ask(['Authorization', 'Basic eA=='], ws(TOKEN))).status, 401)
  t.equal((await ours.ask([...bearer(TOKEN), ...bearer(TOKEN)], ws(TOKEN))).status, 400)
  t.equal((await ours.ask([], `/other?token=${TOKEN}`)).status, 401, 'the query counts where the route says so')
})

t.test('a raw token may look like a JWT, and a JWT is none where none is configured', async (t) => {
  const dotted = 'aaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbb.cccccccccccccccccccc'
  await using ours = await judge({ token: dotted, jwt: JWT })
  t.match(await ours.ask(bearer(dotted)), { status: 200, verdict: { caller: { id: 'token' } } })
  t.equal((await ours.ask(bearer(await jwt()))).status, 200)
  await using raw = await judge()
  t.equal(refusedFor(await raw.ask(bearer(await jwt()))), 'unknown_token')
  await using signedOnly = await judge({ token: undefined, jwt: JWT })
  t.equal((await signedOnly.ask(bearer(TOKEN))).status, 401)
  t.equal((await signedOnly.ask(bearer(await jwt()))).status, 200)
})

t.test('the raw token, and a JWT seen before, are judged without a promise', async (t) => {
  const credentials = await openCredentials({ token: TOKEN, jwt: JWT, failedAuthPerSecond: 20 })
  t.teardown(async () => await credentials[Symbol.asyncDispose]())
  const signed = await jwt()
  const given = (token: string): IncomingMessage =>
    // judge reads nothing else of a request.
    ({
      rawHeaders: ['Authorization', `Bearer ${token}`],
      socket: { remoteAddress: '::1' },
    }) as unknown as IncomingMessage
  const once = credentials.judge(given(TOKEN), { queryToken: undefined })
  t.match(once, { ok: true })
  t.equal(credentials.judge(given(TOKEN), { queryToken: undefined }), once, 'nothing is made for it')
  const pending = credentials.judge(given(signed), { queryToken: undefined })
  t.ok(pending instanceof Promise)
  const verdict = await pending
  t.same(credentials.judge(given(signed), { queryToken: undefined }), verdict)
})

t.test('A-12 failures beyond the rate are 429, and valid credentials pass all the while', async (t) => {
  await using ours = await judge({ jwt: JWT, failedAuthPerSecond: 1 })
  const known = await jwt()
  t.equal((await ours.ask(bearer(known))).status, 200)
  t.equal((await ours.ask(bearer('wrong'))).status, 401)
  const statuses = new Map<number, number>()
  for (let n = 0; n < 50; n++) {
    const { status, verdict } = await ours.ask(bearer(n % 2 === 0 ? 'wrong' : await jwt({ n }, Buffer.alloc(32, 'x'))))
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (status === 429)
      t.same(verdict, { ok: false, status: 429, reason: 'too_many_failures', retryAfter: 1, sentInvalid: false })
  }
  t.same(
    [...statuses.keys()].filter((status) => status !== 401),
    [429],
  )
  t.equal((await ours.ask(bearer(TOKEN))).status, 200, 'the right token is never held up')
  t.equal((await ours.ask(bearer(known))).status, 200, 'nor a JWT known to be good')
  t.equal((await ours.ask([])).status, 401, 'a request without a credential is no failure')
})

t.test('a JWT seen for the first time passes, however many others of its address fail', async (t) => {
  await using ours = await judge({ jwt: JWT, failedAuthPerSecond: 1 })
  for (let n = 0; n < 20; n++) {
    await Promise.all([
      ours.ask(bearer(`garbage ${n}`)),
      ours.ask(bearer(`${n}.garbage.token`)),
      jwt({ n }, Buffer.alloc(32, 'x')).then(async (forged) => await ours.ask(bearer(forged))),
    ])
    t.equal((await ours.ask(bearer(await jwt({ jti: `first use ${n}` })))).status, 200)
  }
  t.equal((await ours.ask(bearer('wrong'))).status, 429, 'the budget of failures was used up all the while')
})

t.test('requests without a credential never use up the budget', async (t) => {
  await using ours = await judge({ failedAuthPerSecond: 1 })
  for (let n = 0; n < 30; n++)
    t.match(await ours.ask([]), { status: 401, verdict: { reason: 'no_credential', sentInvalid: false } })
})

t.test('the same fresh JWT from many requests at once is no failure', async (t) => {
  await using ours = await judge({ jwt: JWT, failedAuthPerSecond: 1 })
  const signed = await jwt()
  const judged = await Promise.all(Array.from({ length: 50 }, async () => await ours.ask(bearer(signed))))
  t.ok(judged.every(({ status }) => status === 200))
})

t.test('the header in isolation', async (t) => {
  t.equal(bearerOf('Bearer abc'), 'abc')
  t.equal(bearerOf('bEaReR    abc '), 'abc')
  for (const text of ['', 'abc', 'Bearer', 'Bearer ', ' Bearer abc', 'Bearer a b', 'Token abc', 'Bearer abc\n']) {
    t.not(bearerOf(text), 'abc', JSON.stringify(text))
  }
})

t.test('another raw token: the one before is unknown at once, and its caller hears of it', async (t) => {
  const credentials = await openCredentials({ token: TOKEN, jwt: JWT, failedAuthPerSecond: 20 })
  t.teardown(async () => await credentials[Symbol.asyncDispose]())
  const ask = (token: string, queryToken?: string) =>
    credentials.judge(
      { rawHeaders: bearer(token), socket: { remoteAddress: '::1' } } as unknown as IncomingMessage, // all that is read
      { queryToken },
    )
  const callerOf = (verdict: Verdict) => (verdict.ok ? verdict.caller : undefined)
  const before = callerOf(await ask(TOKEN))
  t.equal(credentials.replaceToken(TOKEN), false, 'the same one is no change')
  t.equal(before?.revoked?.aborted, false)
  const verifying = ask(TOKEN, await jwt({ jti: 'slow' }))
  const next = 'n'.repeat(64)
  t.equal(credentials.replaceToken(next), true)
  t.equal(before?.revoked?.aborted, true)
  t.match(await ask(TOKEN), { ok: false, status: 401, reason: 'unknown_token' })
  t.match(await verifying, { ok: false, status: 401 }, 'also where another credential was being verified')
  const after = callerOf(await ask(next))
  t.match(after, { id: before?.id, revoked: { aborted: false } })
  t.match(await ask(await jwt()), { ok: true }, 'JWTs stay')
  await using signedOnly = await openCredentials({ token: undefined, jwt: JWT, failedAuthPerSecond: 20 })
  t.equal(signedOnly.replaceToken(next), false)
})

t.test('onRevoked: one listener for each credential, told at once where it is too late', async (t) => {
  const end = new AbortController()
  const caller = { id: 'x', scopes: 'all', expiresAt: undefined, revoked: end.signal } as const
  const heard: AbortSignal[] = []
  const watch = onRevoked((revoked) => void heard.push(revoked))
  for (let n = 0; n < 100; n++) watch(caller)
  t.equal(getEventListeners(end.signal, 'abort').length, 1)
  watch({ id: 'y', scopes: 'all', expiresAt: undefined })
  end.abort()
  t.same(heard.length, 1)
  watch(caller)
  t.same(heard.length, 2)
})
