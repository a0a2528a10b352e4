// A shelf whose tools come and go while the doors are open: listed and called over MCP in both eras, described and called
// over REST, its change told, a clash and a schema that leads elsewhere refused where it is loaded.

import t from 'tap'
import { Fault } from '../../src/base/fault.ts'
import { ForeignSchema } from '../../src/foreign/foreign-schema.ts'
import { Blocks, operation, type Operation } from '../../src/operation.ts'
import { Type } from '../../src/schema.ts'
import { Shelf } from '../../src/shelf.ts'
import { openComposedDoors, type ComposedDoors } from '../support/composed-doors.ts'
import { TOKEN } from '../support/daemon.ts'
import { openStream } from '../support/events.ts'
import { modern } from '../transports/mcp/fixture.ts'

const HINTS = { readOnly: true, destructive: false, idempotent: true, openWorld: false }

const NESTED = {
  type: 'object',
  properties: {
    where: {
      type: 'object',
      properties: {
        city: { type: 'string', pattern: '^[A-Z]' },
        near: { type: 'array', items: { $ref: '#/$defs/place' } },
      },
      required: ['city'],
      additionalProperties: false,
    },
  },
  required: ['where'],
  $defs: { place: { type: 'object', required: ['lat'], properties: { lat: { type: 'number', maximum: 90 } } } },
}

/** A tool of another author that answers blocks. */
function weather(name = 'weather', schema: object = NESTED): Operation {
  const declared = operation({
    name,
    title: 'Weather',
    summary: 'Tells the weather.',
    scope: 'exec',
    origin: { upstream: 'sky' },
    area: 'Weather',
    input: Type.Object({}),
    foreignInput: new ForeignSchema(schema),
    output: Type.Object({}),
    blocks: true,
    routes: [],
    tool: { hints: HINTS, description: 'Tells the weather of a place. More words.' },
    run: (input) => {
      const { where } = input as { where: { city: string } }
      if (where.city === 'Nowhere') throw new Fault('not_found', 'there is no such city')
      const content = [
        { type: 'text', text: `sunny in ${where.city}` },
        { type: 'image', data: 'aGVsbG8=', mimeType: 'image/png' },
      ]
      return Promise.resolve(new Blocks(content, { structured: { city: where.city } }))
    },
  })
  return declared
}

const LEGACY = { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' }
const AUTH = { authorization: `Bearer ${TOKEN}` }

async function rpc(
  doors: ComposedDoors,
  era: 'legacy' | 'modern',
  method: string,
  params: Record<string, unknown> = {},
) {
  const { body, headers } =
    era === 'modern' ? modern(method, params) : { body: { jsonrpc: '2.0', id: 1, method, params }, headers: LEGACY }
  const reply = await doors.call('POST', '/mcp', body, headers)
  // oxlint-disable-next-line typescript/no-explicit-any -- replies are of any shape; the tests say what they expect
  return (await reply.json()) as any
}

async function toolNames(doors: ComposedDoors, era: 'legacy' | 'modern'): Promise<readonly string[]> {
  const { result } = await rpc(doors, era, 'tools/list')
  return (result.tools as { name: string }[]).map(({ name }) => name)
}

t.test('tools that come and go', async (t) => {
  const shelf = new Shelf()
  const doors = await openComposedDoors(t, [shelf])
  for (const era of ['legacy', 'modern'] as const) t.equal((await toolNames(doors, era)).length, 23, era)

  const wish = modern('subscriptions/listen', { notifications: { toolsListChanged: true } })
  const listening = await openStream(`${doors.url}/mcp`, wish.body, { ...wish.headers, ...AUTH })
  t.match(await listening.next(), { params: { notifications: { toolsListChanged: true } } })
  const hearing = await fetch(`${doors.url}/mcp`, { headers: { ...LEGACY, ...AUTH, accept: 'text/event-stream' } })
  t.equal(hearing.status, 405, 'the older revisions have no channel for it without a session')

  shelf.replace([weather()])
  t.match(await listening.next(), { method: 'notifications/tools/list_changed' })
  for (const era of ['legacy', 'modern'] as const) {
    const { result } = await rpc(doors, era, 'tools/list')
    const tool = (result.tools as { name: string }[]).at(-1)
    t.match(tool, { name: 'weather', inputSchema: NESTED, outputSchema: undefined }, era)
    const called = await rpc(doors, era, 'tools/call', { name: 'weather', arguments: { where: { city: 'Bern' } } })
    t.match(called.result, {
      content: [{ text: 'sunny in Bern' }, { type: 'image', data: 'aGVsbG8=' }],
      structuredContent: { city: 'Bern' },
    })
    const wrong = await rpc(doors, era, 'tools/call', {
      name: 'weather',
      arguments: { where: { city: 'Bern', near: [{ lat: 5 }, { lat: 95 }] } },
    })
    t.match(wrong.result, { isError: true, content: [{ text: /where\.near\[1\]\.lat is 95; accepted is at most 90/ }] })
  }
  const guide = await rpc(doors, 'legacy', 'resources/read', { uri: 'runtime://guide' })
  t.match(
    guide.result.contents[0].text,
    /## Weather\n\n- \*\*weather\*\* \(where\*\): \(words of the server sky\) Tells/,
  )

  shelf.replace([])
  t.match(await listening.next(), { method: 'notifications/tools/list_changed' })
  t.equal((await toolNames(doors, 'modern')).length, 23)
  const gone = await rpc(doors, 'legacy', 'tools/call', { name: 'weather', arguments: {} })
  t.match(gone.error, { code: -32602, message: /Unknown tool: "weather"/ })
  listening.drop()
})

t.test('over REST any tool is called at one route, and the description has it while it is there', async (t) => {
  const shelf = new Shelf()
  const doors = await openComposedDoors(t, [shelf])
  const described = async () => JSON.stringify(await (await doors.call('GET', '/openapi.json')).json())
  t.notMatch(await described(), /"title":"weather"/)
  t.equal((await doors.call('GET', '/schemas/weather.input')).status, 404)
  shelf.replace([weather(), weather('weather_flat', { type: 'object', properties: { flat: { type: 'string' } } })])
  const document = JSON.parse(await described())
  const { anyOf } = document.paths['/tools/{name}'].post.requestBody.content['application/json'].schema
  t.match(anyOf, [
    { title: 'weather', type: 'object', properties: undefined },
    { title: 'weather_flat', properties: { flat: { type: 'string' } } },
    { type: 'object' },
  ])
  t.match(await (await doors.call('GET', '/schemas/weather.input')).json(), { ...NESTED, $id: 'weather.input' })

  const call = async (name: string, body?: object) => {
    const reply = await doors.call('POST', `/tools/${name}`, body)
    return { status: reply.status, body: await reply.json() }
  }
  t.match(await call('weather', { where: { city: 'Bern' } }), {
    status: 200,
    body: { success: true, content: [{ text: 'sunny in Bern' }, { type: 'image' }], structured: { city: 'Bern' } },
  })
  t.match(await call('weather', { where: { city: 'bern' } }), {
    status: 400,
    body: { code: 'bad_request', error: /where\.city is "bern"/ },
  })
  t.match(await call('weather', { where: { city: 'Nowhere' } }), { status: 404, body: { code: 'not_found' } })
  t.match(await call('exec_list'), { status: 200, body: { success: true } })
  t.match(await call('file_stat', { path: '/', pth: 1 }), { status: 400, body: { error: /Did you mean "path"/ } })
  t.match(await call('weathr', {}), { status: 404, body: { error: /did you mean "weather"/ } })
  t.match(await call('health', {}), { status: 404 }, 'it is no tool')
  const metrics = await (await doors.call('GET', '/metrics')).text()
  t.match(metrics, /calls_total\{transport="rest",operation="upstream",status="2xx"\} 1/)
  t.notMatch(metrics, /weather/)
})

t.test('what cannot be loaded is refused, and what was there stays', async (t) => {
  const shelf = new Shelf([weather()])
  const doors = await openComposedDoors(t, [shelf])
  t.throws(() => shelf.replace([weather('file_read')]), {
    code: 'conflict',
    message: '"file_read" of the server sky is not loaded: its name is that of "file_read" of the product',
  })
  t.throws(() => shelf.replace([weather('openapi')]), { code: 'conflict', message: /"openapi" of the/ })
  t.throws(() => weather('weather', { type: 'object', properties: { x: { $ref: 'https://example.com/x' } } }), {
    code: 'bad_request',
    message: /accepted are places in the same schema/,
  })
  t.ok((await toolNames(doors, 'legacy')).includes('weather'))
})
