// Tools: the listing of the catalogue, and the answer of a call in each era.

import t from 'tap'
import { describeTool } from '../../../src/transports/mcp/product/tools.ts'
import { ask, catalog, LEGACY, modern, READER } from './fixture.ts'

const rpc = (name: unknown, args?: unknown) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
})
const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
const OLD = { ...LEGACY, 'mcp-protocol-version': '2025-03-26' }

/** Returns the text of a result, the structured half and the error mark. */
function parts(result: unknown) {
  const { content, structuredContent, isError } = result as {
    content: { type: string; text: string }[]
    structuredContent?: object
    isError?: boolean
  }
  return { text: JSON.parse(content[0]?.text ?? '') as object, blocks: content.length, structuredContent, isError }
}

t.test('a tool is described flat, without what only REST has', (t) => {
  const [note, write] = catalog
  if (note === undefined || write === undefined) throw new Error('the fixture is empty')
  t.same(describeTool(note), {
    name: 'note_read',
    title: 'Read a note',
    description: 'Reads a note and returns it.',
    inputSchema: {
      type: 'object',
      properties: {
        path: {
          type: 'string',
          minLength: 1,
          description: 'The note. Absolute, or relative to the working directory. Default: "/".',
          default: '/',
        },
        tags: {
          type: 'array',
          items: { type: 'string' },
          description: 'Only notes with these tags.',
          maxItems: 1000,
          default: [],
        },
        deep: { type: 'boolean', description: 'Read notes below it too. Default: false.', default: false },
        limit: { type: 'integer', minimum: 1, maximum: 50, description: 'Most notes. Default: 10.', default: 10 },
        secret: { type: 'string', description: 'Comes back.' },
      },
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      properties: {
        success: { type: 'boolean' },
        path: { type: 'string' },
        limit: { type: 'integer' },
        secret: { type: 'string' },
      },
      required: ['success', 'path', 'limit'],
    },
    annotations: {
      title: 'Read a note',
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
  })
  t.match(describeTool(write).inputSchema, {
    properties: {
      content: { type: 'string', description: 'Its text.' },
      create_dirs: { default: true, description: 'Create missing parents. Default: true.' },
    },
    required: ['path', 'content'],
  })
  t.notMatch(JSON.stringify(describeTool(write)), /"kind"/)
  t.end()
})

t.test('tools are listed in order: core ones, with output schemas since 2025-06-18, as the scope allows', async (t) => {
  const names = async (...args: Parameters<typeof ask>) => {
    const result = (await ask(...args)).reply?.result
    const { tools } = (result ?? {}) as { tools: { name: string; outputSchema?: object }[] }
    return tools.map((tool) => tool.name + (tool.outputSchema === undefined ? '' : '+'))
  }
  const { body, headers } = modern('tools/list')
  t.same(await names(list), ['note_read', 'note_write', 'wait', 'large'])
  t.same(await names(list, OLD), ['note_read', 'note_write', 'wait', 'large'])
  t.same(await names(list, LEGACY), ['note_read+', 'note_write+', 'wait+', 'large+'])
  t.same(await names(body, headers), ['note_read+', 'note_write+', 'wait+', 'large+'])
  t.same(await names(list, {}, { caller: READER }), ['note_read', 'large'])
  t.match((await ask(body, headers)).reply?.result, { resultType: 'complete', ttlMs: 300_000, cacheScope: 'private' })
  t.same(Object.keys((await ask(list, LEGACY)).reply?.result ?? {}), ['tools'])
})

t.test('a success is the REST body: as text for all, structured since 2025-06-18', async (t) => {
  const body = { success: true, path: '/', limit: 10 }
  const bare = await ask(rpc('note_read'))
  t.same(bare.reply?.result, { content: [{ type: 'text', text: JSON.stringify(body) }] })
  t.same((await ask(rpc('note_read'), OLD)).reply?.result, bare.reply?.result)
  const legacy = await ask(rpc('note_read'), LEGACY)
  t.same(legacy.reply?.result, { content: [{ type: 'text', text: JSON.stringify(body) }], structuredContent: body })
  const request = modern('tools/call', { name: 'note_read' })
  t.same((await ask(request.body, request.headers)).reply?.result, {
    resultType: 'complete',
    content: [{ type: 'text', text: JSON.stringify(body) }],
    structuredContent: body,
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'fixture', version: '1.2.3' } },
  })
})

t.test('arguments: missing, null, aliases, coercion, the defaults of a tool', async (t) => {
  const text = async (name: string, args?: unknown) => parts((await ask(rpc(name, args))).reply?.result).text
  t.match(await text('note_read'), { path: '/', limit: 10 })
  t.match(await text('note_read', null), { path: '/', limit: 10 })
  t.match(await text('note_read', { file: '/x//y/', limit: '7' }), { path: '/x/y', limit: 7 })
  t.match(await text('note_write', { path: '/a', content: 'b' }), { create_dirs: true })
  t.match(await text('note_write', { path: '/a', content: 'b', create_dirs: false }), { create_dirs: false })
})

t.test('a failure is a JSON-RPC error for a bare caller, a marked result for the others', async (t) => {
  const call = rpc('note_write', { path: '/missing', content: '' })
  const error = {
    success: false,
    error: 'path "/missing" does not exist',
    message: 'path "/missing" does not exist',
    code: 'not_found',
    details: { path: '/missing' },
    request_id: 'r-1',
  }
  const bare = await ask(call)
  t.equal(bare.status, 200)
  t.same(bare.reply?.error, {
    code: -32603,
    message: error.message,
    data: { code: 'not_found', status: 404, details: { path: '/missing' }, request_id: 'r-1' },
  })
  for (const headers of [LEGACY, OLD]) {
    const legacy = await ask(call, headers)
    t.equal(legacy.status, 200)
    t.same(parts(legacy.reply?.result), { text: error, blocks: 1, structuredContent: undefined, isError: true })
  }
  const request = modern('tools/call', call.params)
  const outcome = await ask(request.body, request.headers)
  t.equal(outcome.status, 200)
  t.match(outcome.reply?.result, { resultType: 'complete', isError: true })
})

t.test('a defect is told without its text', async (t) => {
  const call = rpc('note_write', { path: '/broken', content: '' })
  t.match(await ask(call), { status: 200, reply: { error: { code: -32603, data: { code: 'internal_error' } } } })
  t.notMatch(JSON.stringify(await ask(call)), /secret stack/)
  t.match(parts((await ask(call, LEGACY)).reply?.result), { isError: true, text: { code: 'internal_error' } })
})

t.test('M-08 wrong arguments: -32602 for a bare caller, a marked result for the others, never a 500', async (t) => {
  const wrong: readonly [string, unknown, RegExp][] = [
    ['note_write', {}, /path is missing/],
    ['note_write', { path: '/a' }, /content is missing/],
    ['note_write', { path: '', content: '' }, /path is empty/],
    ['note_write', { path: '/a\0', content: '' }, /NUL/],
    ['note_write', { path: 5, content: '' }, /path is 5/],
    ['note_write', { path: '/a', content: {} }, /content is \{\}/],
    ['note_write', { path: '/a', content: '\ud800' }, /lone surrogate/],
    ['note_read', { limit: 51 }, /from 1 to 50/],
    ['note_read', { limit: 1e308 }, /from 1 to 50/],
    ['note_read', { limit: 'NaN' }, /limit is "NaN"/],
    ['note_read', { limit: [] }, /limit/],
    ['note_read', { limmit: 5 }, /Did you mean "limit"/],
    ['note_read', { format: 'x' }, /not an argument of note_read/],
    ['note_read', { constructor: 'x' }, /not an argument of note_read/],
    ['note_read', JSON.parse('{"__proto__": {"limit": 1}}'), /not an argument of note_read/],
  ]
  for (const [name, args, sentence] of wrong) {
    const bare = await ask(rpc(name, args))
    t.match(bare, { status: 200, reply: { error: { code: -32602, message: sentence } } }, JSON.stringify(args))
    const legacy = await ask(rpc(name, args), LEGACY)
    t.equal(legacy.status, 200)
    t.match(parts(legacy.reply?.result), { isError: true, text: { code: 'bad_request', message: sentence } })
  }
})

t.test('unknown tools and arguments that are no object are -32602 in every era', async (t) => {
  const calls: readonly [unknown, unknown, RegExp][] = [
    ['nothing', {}, /Unknown tool: "nothing"/],
    ['note_raed', {}, /did you mean "note_read"/],
    ['constructor', {}, /Unknown tool/],
    ['__proto__', {}, /Unknown tool/],
    ['rest_only', {}, /Unknown tool/],
    [5, {}, /params.name/],
    [undefined, {}, /params.name/],
    ['note_read', [], /params.arguments/],
    ['note_read', 'path', /params.arguments/],
    ['note_read', 0, /params.arguments/],
  ]
  for (const [name, args, message] of calls) {
    const request = modern('tools/call', { name, arguments: args })
    for (const [body, headers] of [
      [rpc(name, args), {}],
      [rpc(name, args), LEGACY],
      [request.body, request.headers],
    ] as const) {
      t.match(await ask(body, headers), { status: 200, reply: { error: { code: -32602, message } } }, String(name))
    }
  }
})

t.test('a tool outside the scope is refused in the form of each era', async (t) => {
  const call = rpc('note_write', { path: '/a', content: '' })
  t.match(await ask(call, {}, { caller: READER }), {
    status: 200,
    reply: { error: { code: -32603, data: { status: 403 } } },
  })
  const legacy = await ask(call, LEGACY, { caller: READER })
  t.match(parts(legacy.reply?.result), { isError: true, text: { code: 'forbidden' } })
  const request = modern('tools/call', call.params)
  t.match(await ask(request.body, request.headers, { caller: READER }), {
    status: 403,
    headers: { 'www-authenticate': /insufficient_scope.*files:write/ },
  })
})
