// /mcp on a real socket: methods, content types, sizes, sessions, cancellation; no answer ever reaches another caller.

import { once } from 'node:events'
import { request as open, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { until } from '../../../support/until.ts'
import { ANYONE, LARGE, LEGACY, listen, META, modern, parse, post, seen } from '../fixture.ts'

const rpc = (method: string, params?: unknown, id: unknown = 1) => ({ jsonrpc: '2.0', id, method, params })
const STREAM = { accept: 'text/event-stream' }

t.test('M-03 only POST speaks the protocol; GET describes', async (t) => {
  await using server = await listen()
  const get = await fetch(server.url)
  t.equal(get.status, 200)
  t.same(await get.json(), {
    success: true,
    name: 'fixture',
    version: '1.2.3',
    tools: ['note_read', 'note_write', 'wait', 'large'],
    tool_count: 4,
    protocol_versions: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'],
  })
  for (const [method, headers, allow] of [
    ['GET', STREAM, 'POST'],
    ['GET', { accept: 'application/json, Text/Event-Stream;q=0.5' }, 'POST'],
    ['DELETE', {}, 'GET, POST'],
    ['HEAD', {}, 'GET, POST'],
    ['PUT', {}, 'GET, POST'],
  ] as const) {
    const response = await fetch(server.url, { method, headers })
    t.equal(response.status, 405, method)
    t.equal(response.headers.get('allow'), allow)
    const body = await response.text()
    if (method !== 'HEAD') t.match(JSON.parse(body), { success: false, code: 'method_not_allowed', request_id: 'r-1' })
  }
})

t.test('H-07 the content type is application/json, and nothing that only contains it', async (t) => {
  await using server = await listen()
  const status = async (type: string | undefined, headers: Record<string, string> = {}) => {
    const sent = open(server.url, {
      method: 'POST',
      headers: type === undefined ? headers : { ...headers, 'content-type': type },
    })
    sent.end(JSON.stringify(rpc('ping')))
    const response = await new Promise<{ statusCode?: number; resume(): void }>((resolve) =>
      sent.once('response', resolve),
    )
    response.resume()
    return response.statusCode
  }
  t.equal(await status('application/json'), 200)
  t.equal(await status('Application/JSON; charset=utf-8'), 200)
  t.equal(await status(undefined), 200)
  t.equal(await status(undefined, LEGACY), 415)
  t.equal(await status(undefined, { accept: 'text/event-stream' }), 415)
  for (const type of [
    'text/plain',
    'text/plain;x=application/json',
    'application/x-www-form-urlencoded',
    'application/jsonx',
    'x',
  ]) {
    t.equal(await status(type), 415, type)
  }
  t.equal(await status('application/json', { 'content-encoding': 'gzip' }), 415)
  t.equal(await status('application/json', { accept: 'text/html' }), 406)
  t.equal(await status('application/json', { accept: 'text/html, */*;q=0.1' }), 200)
  t.equal(await status('application/json', { accept: 'application/json;q=0, text/event-stream; q=0.0' }), 406)
  t.equal(await status('application/json', { accept: 'text/event-stream' }), 200)
})

t.test('what is no JSON is -32700 with 400, in every era', async (t) => {
  await using server = await listen()
  for (const body of ['', '{', '{"jsonrpc":"2.0","id":1', 'ping', '\ufeff'.repeat(2), '[1,]', 'NaN']) {
    for (const headers of [{}, LEGACY, modern('ping').headers]) {
      const { status, body: reply } = await post(server.url, body, headers)
      t.equal(status, 400)
      t.match(reply, { jsonrpc: '2.0', id: null, error: { code: -32700 } })
    }
  }
})

t.test('4 MiB bind: one byte more is 413 and names the REST upload', async (t) => {
  await using server = await listen()
  const frame = JSON.stringify(rpc('tools/call', { name: 'note_write', arguments: { path: '/a', content: '' } }))
  const content = 'x'.repeat(4 * 1024 * 1024 - frame.length)
  const fits = await post(server.url, frame.replace('"content":""', `"content":"${content}"`))
  t.equal(fits.status, 200)
  t.match(JSON.parse(fits.body.result.content[0].text), { success: true, size: content.length })
  const over = await post(server.url, frame.replace('"content":""', `"content":"${content}x"`))
  t.equal(over.status, 413)
  t.match(over.body, {
    id: null,
    error: { code: -32600, message: /files\/write/, data: { code: 'payload_too_large' } },
  })
})

t.test('M-03 a session id is echoed to bare and legacy callers, if it is fit to be one', async (t) => {
  await using server = await listen()
  const echo = async (session: string, headers: Record<string, string> = {}, body: unknown = rpc('ping')) =>
    (await post(server.url, body, { ...headers, 'mcp-session-id': session })).headers.get('mcp-session-id')
  t.equal(await echo('abc-123'), 'abc-123')
  t.equal(await echo('abc-123', LEGACY), 'abc-123')
  t.equal(await echo('abc-123', LEGACY, { jsonrpc: '2.0', method: 'notifications/initialized' }), 'abc-123')
  t.equal(await echo('abc-123', {}, '{'), 'abc-123')
  t.equal(await echo('a b'), null)
  t.equal(await echo('x'.repeat(256)), 'x'.repeat(256))
  t.equal(await echo('x'.repeat(257)), null)
  const { body, headers } = modern('tools/list')
  t.equal(await echo('abc-123', headers, body), null)
  t.equal((await post(server.url, rpc('initialize', {}))).headers.get('mcp-session-id'), null)
})

t.test('an accepted notification has no body', async (t) => {
  await using server = await listen()
  const {
    status,
    text: received,
    headers,
  } = await post(server.url, { jsonrpc: '2.0', method: 'notifications/initialized' }, LEGACY)
  t.equal(status, 202)
  t.equal(received, '')
  t.equal(headers.get('content-type'), null)
  t.equal(headers.get('x-request-id'), 'r-1')
})

t.test('a listing of megabytes arrives whole, as text and structured, where the caller takes it', async (t) => {
  await using server = await listen()
  const { status, body, headers } = await post(server.url, rpc('tools/call', { name: 'large' }), {
    ...LEGACY,
    'x-mcp-max-result-bytes': '16777216',
  })
  t.equal(status, 200)
  t.equal(headers.get('content-type'), 'application/json')
  const whole = JSON.stringify({ success: true, entries: LARGE, count: LARGE.length })
  t.equal(body.result.content[0].text === whole, true)
  t.equal(JSON.stringify(body.result.structuredContent) === whole, true)
})

t.test('M-04 200 callers with equal ids get only their own answers, with random disconnects', async (t) => {
  await using server = await listen()
  let wrong = 0
  let answered = 0
  await Promise.all(
    Array.from({ length: 200 }, async (_, client) => {
      for (let id = 0; id < 10; id++) {
        const secret = `secret-${client}-${id}`
        const call = rpc('tools/call', { name: 'note_read', arguments: { secret } }, id)
        const leave = (client * 7 + id) % 11 === 0
        const signal = leave ? { signal: AbortSignal.timeout(1) } : {}
        try {
          const response = await fetch(server.url, {
            method: 'POST',
            headers: { 'content-type': 'application/json', ...(client % 2 === 0 ? LEGACY : {}) },
            body: JSON.stringify(call),
            ...signal,
          })
          const reply = (await response.json()) as { id: number; result: { content: { text: string }[] } }
          answered++
          if (reply.id !== id || JSON.parse(reply.result.content[0]?.text ?? '{}').secret !== secret) wrong++
        } catch (error) {
          if (!leave) throw error
        }
      }
    }),
  )
  t.equal(wrong, 0)
  t.ok(answered > 1500, `${answered} answered`)
})

/** Starts a call that never ends, and returns how to drop its connection. */
async function startWaiting(url: string, body: unknown, headers: Record<string, string>) {
  const before = seen.started
  const sent = open(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers } })
  sent.on('error', () => undefined)
  const reply = once(sent, 'response').then(async ([response]) => parse(await text(response as IncomingMessage)))
  reply.catch(() => undefined) // the connection is dropped in most tests
  sent.end(JSON.stringify(body))
  await until('the call runs', () => seen.started > before)
  return { drop: () => sent.destroy(), reply }
}

t.test('M-05 a modern call is cancelled by closing its response', async () => {
  await using server = await listen()
  const { body, headers } = modern('tools/call', { name: 'wait', arguments: {} })
  const before = seen.aborted
  const { drop } = await startWaiting(server.url, body, headers)
  drop()
  await until('the call is aborted', () => seen.aborted === before + 1)
})

t.test(
  'a legacy call outlives its connection and is cancelled by a notification, of its own credential only',
  async (t) => {
    await using server = await listen()
    const cancel = async (requestId: unknown, caller = ANYONE.id) => {
      const body = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason: 'enough' } }
      t.equal((await post(server.url, body, { ...LEGACY, 'x-caller': caller })).status, 202)
    }
    const before = seen.aborted
    const wait = rpc('tools/call', { name: 'wait', arguments: {} }, 0)
    const dropped = await startWaiting(server.url, wait, LEGACY)
    dropped.drop()
    await cancel('0') // another type, another id
    await cancel(0, 'somebody else')
    await cancel(1)
    await cancel({})
    t.equal(seen.aborted, before)
    await cancel(0)
    await until('the call is aborted', () => seen.aborted === before + 1)

    const first = await startWaiting(server.url, wait, LEGACY)
    const second = await startWaiting(server.url, wait, { ...LEGACY, 'x-caller': 'second' })
    await cancel(0, 'second')
    t.match(await second.reply, { id: 0, result: { isError: true } })
    t.equal(seen.aborted, before + 2)

    const twin = await startWaiting(server.url, wait, LEGACY)
    await cancel(0)
    t.equal(seen.aborted, before + 2, 'two calls match, so neither is cancelled')
    first.drop()
    twin.drop()
  },
)

t.test("the gate's limit per credential is 429 with Retry-After, in every era", async (t) => {
  await using server = await listen({ concurrency: 1, rate: 0 })
  const wait = rpc('tools/call', { name: 'wait', arguments: {} }, 'w')
  await startWaiting(server.url, wait, LEGACY)
  const { body, headers } = modern('tools/call', { name: 'note_read' })
  for (const [one, extra] of [
    [rpc('tools/call', { name: 'note_read' }), {}],
    [rpc('tools/call', { name: 'note_read' }), LEGACY],
    [body, headers],
  ] as const) {
    const refused = await post(server.url, one, extra)
    t.equal(refused.status, 429)
    t.equal(refused.headers.get('retry-after'), '1')
    t.match(refused.body, { id: 1, error: { code: -32603, data: { code: 'rate_limited' } } })
  }
  t.equal((await post(server.url, rpc('tools/call', { name: 'note_read' }), { 'x-caller': 'other' })).status, 200)
})

t.test('M-08 mutated messages never end in a 500', async (t) => {
  await using server = await listen()
  const histogram: Record<number, number> = {}
  const values: unknown[] = [null, 0, -1, 1e308, '', 'x', '\ud800', [], {}, [[]], { a: 1 }, true, 'a'.repeat(5000)]
  for (const name of ['jsonrpc', 'id', 'method', 'params', 'name', 'arguments', '_meta', 'path', 'limit', 'cursor']) {
    for (const value of values) {
      const top = ['jsonrpc', 'id', 'method', 'params'].includes(name)
      const inArguments = ['path', 'limit'].includes(name)
      const params = {
        name: 'note_read',
        arguments: inArguments ? { [name]: value } : {},
        _meta: META,
        ...(top || inArguments ? {} : { [name]: value }),
      }
      const body = { ...rpc('tools/call', params), ...(top ? { [name]: value } : {}) }
      for (const headers of [{}, LEGACY, modern('tools/call', { name: 'note_read' }).headers]) {
        const { status } = await post(server.url, body, headers)
        histogram[status] = (histogram[status] ?? 0) + 1
      }
    }
  }
  t.comment(JSON.stringify(histogram))
  t.same(
    Object.keys(histogram).filter((status) => !['200', '202', '400', '404'].includes(status)),
    [],
  )
  t.match((await post(server.url, `${'['.repeat(200_000)}${']'.repeat(200_000)}`)).body, { error: { code: -32600 } })
})
