// Answers as event streams: when one opens, its messages, and that a quick answer stays plain JSON.

import { request as open, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { until } from '../../support/until.ts'
import { LEGACY, listen, META, modern, post, seen } from './fixture.ts'

// The tests mostly wait, so they run beside each other, but for those that count calls of the fixture.
t.jobs = 6
const ALONE = { buffered: false }

const call = (args: object, meta?: object, id: unknown = 'c') => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'wait', arguments: args, ...(meta && { _meta: meta }) },
})

/** Returns the messages of a stream, and its other lines. */
function read(stream: string) {
  const blocks = stream.split('\n\n').filter((block) => block !== '')
  const comments = blocks.filter((block) => block.startsWith(':'))
  const events = blocks.filter((block) => !block.startsWith(':'))
  const messages = events.map((block) => JSON.parse(/^event: message\ndata: (.*)$/.exec(block)?.[1] ?? 'null'))
  return { comments, messages, ids: /^id:/m.test(stream) }
}

async function send(url: string, body: unknown, headers: Record<string, string>) {
  const sent = open(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers } })
  sent.on('error', () => undefined)
  sent.end(JSON.stringify(body))
  const response = await new Promise<IncomingMessage>((resolve) => sent.once('response', resolve))
  return { sent, response }
}

t.test('with a token, after a second: headers and a comment, rising progress, the result last', async (t) => {
  await using server = await listen()
  const newer = modern('tools/call', { name: 'wait' }).headers
  const look = async (headers: Record<string, string>, meta: object): Promise<void> => {
    const { response } = await send(server.url, call({ ms: 3000 }, meta), { ...headers, 'mcp-session-id': 's' })
    t.equal(response.statusCode, 200)
    t.match(response.headers, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-request-id': 'r-1',
    })
    t.equal(response.headers['mcp-session-id'], headers === LEGACY ? 's' : undefined)
    const { comments, messages, ids } = read(await text(response))
    t.equal(comments.length, 1)
    t.notOk(ids)
    const told = messages.slice(0, -1)
    t.ok(told.length >= 2, `${told.length} notifications`)
    for (const message of told) {
      t.match(message, { method: 'notifications/progress', params: { progressToken: 'p', message: 'waits 3000 ms' } })
      t.equal(message.id, undefined)
    }
    const values = told.map(({ params }) => params.progress as number)
    t.ok(
      values.every((value, i) => i === 0 || value > (values[i - 1] ?? 0)),
      String(values),
    )
    t.match(messages.at(-1), { id: 'c', result: { structuredContent: { waited: true } } })
  }
  await Promise.all([look(LEGACY, { progressToken: 'p' }), look(newer, { ...META, progressToken: 'p' })])
})

t.test('a call that ends within a second is plain JSON, with a token too', async (t) => {
  await using server = await listen()
  for (const headers of [LEGACY, modern('tools/call', { name: 'wait' }).headers]) {
    const meta = headers === LEGACY ? { progressToken: 0 } : { ...META, progressToken: 0 }
    for (const ms of [0, 400]) {
      const { response } = await send(server.url, call({ ms }, meta), headers)
      t.match(response.headers['content-type'], /^application\/json/)
      t.match(JSON.parse(await text(response)), { id: 'c', result: { structuredContent: { waited: true } } })
    }
  }
})

t.test('a token that is a number', async (t) => {
  await using server = await listen()
  const { response } = await send(server.url, call({ ms: 1500 }, { progressToken: 0 }), LEGACY)
  const { messages } = read(await text(response))
  t.ok(messages.length > 1)
  t.match(messages.at(-1), { id: 'c', result: {} })
  for (const message of messages.slice(0, -1)) t.equal(message.params.progressToken, 0)
})

t.test('without a token: JSON, or a stream once it takes longer than a second', async (t) => {
  await using server = await listen()
  const quick = await send(server.url, call({ ms: 5 }), LEGACY)
  t.match(quick.response.headers['content-type'], /^application\/json/)
  t.match(JSON.parse(await text(quick.response)), { id: 'c' })
  const slow = await send(server.url, call({ ms: 1300 }), LEGACY)
  t.equal(slow.response.headers['content-type'], 'text/event-stream')
  const { messages } = read(await text(slow.response))
  t.equal(messages.length, 1)
  t.match(messages[0], { id: 'c', result: { structuredContent: { waited: true } } })
})

t.test('M-04 calls with one id and one token each get their own answer', async (t) => {
  await using server = await listen()
  const wrong: string[] = []
  await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const body = {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'note_read', arguments: { secret: `s${i}` }, _meta: { progressToken: 1 } },
      }
      const { response, sent } = await send(server.url, body, { ...LEGACY, 'mcp-session-id': `session-${i}` })
      if (i % 10 === 0) return void sent.destroy()
      const message = JSON.parse(await text(response))
      const own = message.result?.structuredContent?.secret === `s${i}`
      if (!own || response.headers['mcp-session-id'] !== `session-${i}`) wrong.push(JSON.stringify(message))
    }),
  )
  t.same(wrong, [])
})

t.test('who takes no stream gets JSON, however long it takes', async (t) => {
  await using server = await listen()
  const look = async (headers: Record<string, string>): Promise<void> => {
    const { response } = await send(server.url, call({ ms: 1200 }, { progressToken: 1 }), headers)
    t.match(response.headers['content-type'], /^application\/json/)
    t.match(JSON.parse(await text(response)), { id: 'c', result: {} })
  }
  await Promise.all([look({}), look({ 'mcp-protocol-version': '2025-11-25', accept: 'application/json' })])
})

t.test('a refusal that has a status keeps it, with a token too', ALONE, async (t) => {
  await using server = await listen({ concurrency: 1, rate: 0 })
  const before = seen.started
  const waiting = await send(server.url, call({ ms: 60_000 }, { progressToken: 1 }), LEGACY)
  await until('the call runs', () => seen.started > before)
  const refused = await post(server.url, call({ ms: 0 }, { progressToken: 2 }), LEGACY)
  t.equal(refused.status, 429)
  t.equal(refused.headers.get('retry-after'), '1')
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } }
  t.equal((await post(server.url, cancel, LEGACY)).status, 202)
  t.match(read(await text(waiting.response)).messages.at(-1), { id: 'c', result: { isError: true } })
})

t.test('M-05 closing an open stream cancels in the modern era and not in the older one', ALONE, async (t) => {
  await using server = await listen()
  const before = { ...seen }
  const older = await send(server.url, call({ ms: 1500 }, { progressToken: 1 }), LEGACY)
  older.sent.destroy()
  const headers = modern('tools/call', { name: 'wait' }).headers
  const newer = await send(server.url, call({ ms: 60_000 }, { ...META, progressToken: 1 }), headers)
  await until('both run', () => seen.started === before.started + 2)
  newer.sent.destroy()
  await until('the modern call is aborted', () => seen.aborted === before.aborted + 1)
  // The older call goes on to its end; its writes reach no client and do no harm.
  const other = await send(server.url, call({ ms: 1600 }), LEGACY)
  t.match(read(await text(other.response)).messages.at(-1), { result: {} })
  t.equal(seen.aborted, before.aborted + 1)
})
