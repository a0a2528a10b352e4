// subscriptions/listen: the acknowledgement first, only the changes of the wish, an orderly end, and a limit.

import t from 'tap'
import { MOST_STREAMS } from '../../../../src/transports/mcp/protocol/listen.ts'
import { openBell, plainRegistry } from '../../../conformance/server/plain-registry.ts'
import { openStream } from '../../../support/events.ts'
import { listen, modern, post } from '../fixture.ts'

const ID_KEY = 'io.modelcontextprotocol/subscriptionId'

function served() {
  const bell = openBell()
  const stop = new AbortController()
  const registry = plainRegistry({ tools: [], prompts: [], resources: [], templates: [], bell })
  return { bell, stop, parts: { registry, stopping: stop.signal } }
}

function wish(notifications: object, id: string | number = 'sub') {
  const { body, headers } = modern('subscriptions/listen', { notifications }, id)
  return [body, headers] as const
}

t.test('acknowledges, tells what was wished for and nothing else, and ends in order', async (t) => {
  const { bell, stop, parts } = served()
  await using server = await listen(undefined, parts)
  const wished = { promptsListChanged: true, resourceSubscriptions: ['file:///a', 'file:///a'] }
  const stream = await openStream(server.url, ...wish(wished))
  t.equal(stream.response.headers['content-type'], 'text/event-stream')
  t.same(await stream.next(), {
    jsonrpc: '2.0',
    method: 'notifications/subscriptions/acknowledged',
    params: {
      notifications: { promptsListChanged: true, resourceSubscriptions: ['file:///a'] },
      _meta: { [ID_KEY]: 'sub' },
    },
  })
  bell.ring({ kind: 'tools' })
  bell.ring({ kind: 'resource', uri: 'file:///b' })
  bell.ring({ kind: 'resource', uri: 'file:///a' })
  bell.ring({ kind: 'resource', uri: 'file:///a' })
  bell.ring({ kind: 'prompts' })
  t.same(await stream.next(), {
    jsonrpc: '2.0',
    method: 'notifications/resources/updated',
    params: { uri: 'file:///a', _meta: { [ID_KEY]: 'sub' } },
  })
  t.match(await stream.next(), { method: 'notifications/prompts/list_changed', params: { _meta: { [ID_KEY]: 'sub' } } })
  stop.abort()
  t.match(await stream.next(), { id: 'sub', result: { resultType: 'complete', _meta: { [ID_KEY]: 'sub' } } })
  t.equal(await stream.next(), undefined)
})

t.test('wishes that make no sense are refused, and so is a caller who takes no stream', async (t) => {
  const { parts } = served()
  await using server = await listen(undefined, parts)
  for (const notifications of [
    undefined,
    [],
    'x',
    { resourceSubscriptions: 'file:///a' },
    { resourceSubscriptions: [1] },
  ]) {
    const { body, headers } = modern('subscriptions/listen', { notifications })
    t.match((await post(server.url, body, headers)).body, { error: { code: -32602 } })
  }
  const [body, headers] = wish({})
  const refused = await post(server.url, body, { ...headers, accept: 'application/json' })
  t.equal(refused.status, 406)
})

t.test(`${MOST_STREAMS} streams of one credential, and room again after one has left`, async (t) => {
  const { stop, parts } = served()
  await using server = await listen(undefined, parts)
  const streams = await Promise.all(
    Array.from({ length: MOST_STREAMS }, (_, i) => openStream(server.url, ...wish({}, i))),
  )
  for (const stream of streams) await stream.next()
  const [body, headers] = wish({})
  const refused = await post(server.url, body, headers)
  t.equal(refused.status, 429)
  t.equal(refused.headers.get('retry-after'), '5')
  const other = await openStream(server.url, body, { ...headers, 'x-caller': 'other' })
  t.match(await other.next(), { method: 'notifications/subscriptions/acknowledged' })
  streams[0]?.drop()
  for (;;) {
    const next = await openStream(server.url, ...wish({}))
    const first = next.response.statusCode === 200 ? await next.next() : undefined
    next.drop()
    if (first !== undefined) break
  }
  stop.abort()
  for (const stream of streams.slice(1)) t.match(await stream.next(), { result: { resultType: 'complete' } })
})
