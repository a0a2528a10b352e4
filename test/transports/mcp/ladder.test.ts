// The entry ladder, row by row: the speaker, the rung that refuses, its status and code. Each row is a line of the
// tables in the 2026-07-28 transport and of protocol.md#dialects.

import type { IncomingHttpHeaders } from 'node:http'
import t from 'tap'
import { ask, LEGACY, META, modern } from './fixture.ts'

type Row = readonly [
  name: string,
  body: unknown,
  headers: IncomingHttpHeaders,
  status: number,
  code?: number | undefined,
]

const rpc = (method: string, params?: unknown, id: unknown = 1) => ({ jsonrpc: '2.0', id, method, params })
const notify = (method: string, params?: unknown) => ({ jsonrpc: '2.0', method, params })
const call = modern('tools/call', { name: 'note_read', arguments: {} })
const list = modern('tools/list')
const without = (headers: Record<string, string>, name: string) => ({ ...headers, [name]: undefined })
const meta = (changed: Record<string, unknown>) => rpc('tools/list', { _meta: { ...META, ...changed } })
const VERSION = 'io.modelcontextprotocol/protocolVersion'
const base64 = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`
const accept = { accept: 'application/json, text/event-stream' }

const rows: readonly Row[] = [
  // bare
  ['bare tools/list', rpc('tools/list'), {}, 200],
  ['bare ping', rpc('ping'), { accept: '*/*' }, 200],
  ['bare unknown method', rpc('tools/nothing'), {}, 200, -32601],
  ['bare method of the prototype', rpc('constructor'), {}, 200, -32601],
  ['bare server/discover', rpc('server/discover'), {}, 200, -32601],
  ['bare logging/setLevel', rpc('logging/setLevel', { level: 'info' }), {}, 200],
  ['bare logging/setLevel with no level', rpc('logging/setLevel', { level: 'loud' }), {}, 200, -32602],
  ['bare shape', { id: 1 }, {}, 400, -32600],
  ['bare batch', [rpc('ping')], {}, 400, -32600],
  ['bare response', { jsonrpc: '2.0', id: 1, result: {} }, {}, 400, -32600],
  ['bare notification', notify('notifications/initialized'), {}, 202],
  ['bare request without an id is not run', notify('tools/call', { name: 'nope' }), {}, 202],
  ['bare positional params', rpc('tools/list', [1]), {}, 200, -32602],
  ['bare call without content type', rpc('ping'), { 'content-type': undefined }, 200],
  // legacy
  ['legacy initialize', rpc('initialize', { protocolVersion: '2025-06-18' }), accept, 200],
  ['legacy initialize without Accept', rpc('initialize', {}), {}, 200],
  ['legacy initialize, version of a wrong type', rpc('initialize', { protocolVersion: 3 }), accept, 200, -32602],
  ['legacy initialize without content type', rpc('initialize', {}), { 'content-type': undefined }, 415, -32600],
  ['legacy initialized', notify('notifications/initialized'), LEGACY, 202],
  ['legacy unknown notification', notify('notifications/whatever', {}), LEGACY, 202],
  ['legacy response', { jsonrpc: '2.0', id: 1, result: {} }, LEGACY, 202],
  ['legacy ping', rpc('ping'), LEGACY, 200],
  ['legacy ping without a version header', rpc('ping'), accept, 200],
  ['legacy unknown method', rpc('resources/subscribe'), LEGACY, 200, -32601],
  ['legacy subscriptions/listen', rpc('subscriptions/listen'), LEGACY, 200, -32601],
  ['legacy server/discover', rpc('server/discover'), LEGACY, 200, -32601],
  ['legacy batch', [rpc('ping')], LEGACY, 400, -32600],
  ['legacy cursor', rpc('tools/list', { cursor: 'x' }), LEGACY, 200, -32602],
  [
    'M-02 legacy unsupported old version header',
    rpc('tools/list'),
    { 'mcp-protocol-version': '2000-01-01' },
    400,
    -32022,
  ],
  ['M-02 legacy malformed version header', rpc('tools/list'), { 'mcp-protocol-version': 'latest' }, 400, -32022],
  ['M-02 doubled version header', rpc('ping'), { 'mcp-protocol-version': '2025-06-18, 2025-06-18' }, 200, undefined],
  ['M-02 two version headers', rpc('ping'), { 'mcp-protocol-version': '2025-06-18, 2025-11-25' }, 400, -32022],
  ['M-02 empty version header', rpc('ping'), { 'mcp-protocol-version': '' }, 400, -32022],
  [
    'notification with an unsupported version',
    notify('notifications/initialized'),
    { 'mcp-protocol-version': '1' },
    400,
    -32022,
  ],
  // the border between the eras
  ['modern header, no envelope', rpc('tools/list'), list.headers, 400, -32602],
  ['modern header, positional params', rpc('tools/list', []), list.headers, 400, -32602],
  ['future header, no envelope', rpc('tools/list'), { 'mcp-protocol-version': '2099-01-01' }, 400, -32602],
  ['modern header, initialize', rpc('initialize', {}), modern('initialize').headers, 400, -32020],
  [
    'initialize with a modern envelope is an unknown method',
    modern('initialize').body,
    modern('initialize').headers,
    404,
    -32601,
  ],
  [
    'initialize with a legacy claim is the handshake',
    rpc('initialize', { _meta: { [VERSION]: '2025-06-18' } }),
    accept,
    200,
  ],
  // modern
  ['modern tools/list', list.body, list.headers, 200],
  ['modern tools/call', call.body, call.headers, 200],
  ['modern discover', modern('server/discover').body, modern('server/discover').headers, 200],
  ['modern ping is gone', modern('ping').body, modern('ping').headers, 404, -32601],
  ['modern logging/setLevel is gone', modern('logging/setLevel').body, modern('logging/setLevel').headers, 404, -32601],
  ['M-03 modern unknown method', modern('x/y').body, modern('x/y').headers, 404, -32601],
  ['M-03 modern notification', notify('notifications/anything'), list.headers, 202],
  ['M-03 modern response', { jsonrpc: '2.0', id: 1, result: {} }, list.headers, 400, -32600],
  ['M-03 modern batch', [list.body], list.headers, 400, -32600],
  ['modern shape', { jsonrpc: '2.0', id: 1 }, list.headers, 400, -32600],
  [
    'envelope without capabilities',
    rpc('tools/list', { _meta: { [VERSION]: '2026-07-28' } }),
    list.headers,
    400,
    -32602,
  ],
  [
    'envelope with capabilities of a wrong type',
    meta({ 'io.modelcontextprotocol/clientCapabilities': [] }),
    list.headers,
    400,
    -32602,
  ],
  [
    'envelope with a client of a wrong type',
    meta({ 'io.modelcontextprotocol/clientInfo': 'me' }),
    list.headers,
    400,
    -32602,
  ],
  ['envelope with a version of a wrong type', meta({ [VERSION]: 20260728 }), list.headers, 400, -32602],
  ['envelope without a client', meta({ 'io.modelcontextprotocol/clientInfo': undefined }), list.headers, 200],
  [
    'unknown version',
    meta({ [VERSION]: '2099-01-01' }),
    { ...list.headers, 'mcp-protocol-version': '2099-01-01' },
    400,
    -32022,
  ],
  [
    'old version in an envelope',
    meta({ [VERSION]: '2025-11-25' }),
    { ...list.headers, 'mcp-protocol-version': '2025-11-25' },
    400,
    -32022,
  ],
  [
    'M-02 a contradicting version header outranks an unknown version',
    meta({ [VERSION]: '2099-01-01' }),
    list.headers,
    400,
    -32020,
  ],
  ['version outranks headers', meta({ [VERSION]: '2099-01-01' }), {}, 400, -32022],
  ['M-02 version header missing', list.body, without(list.headers, 'mcp-protocol-version'), 400, -32020],
  ['M-02 version header differs', list.body, { ...list.headers, 'mcp-protocol-version': '2025-11-25' }, 400, -32020],
  [
    'M-02 version header with white space',
    list.body,
    { ...list.headers, 'mcp-protocol-version': ' 2026-07-28\t' },
    200,
  ],
  ['M-02 Mcp-Method missing', list.body, without(list.headers, 'mcp-method'), 400, -32020],
  ['M-02 Mcp-Method differs', list.body, { ...list.headers, 'mcp-method': 'tools/call' }, 400, -32020],
  ['M-02 Mcp-Method in another case', list.body, { ...list.headers, 'mcp-method': 'Tools/List' }, 400, -32020],
  ['M-02 Mcp-Name missing', call.body, without(call.headers, 'mcp-name'), 400, -32020],
  ['M-02 Mcp-Name differs', call.body, { ...call.headers, 'mcp-name': 'note_write' }, 400, -32020],
  ['M-02 Mcp-Name in another case', call.body, { ...call.headers, 'mcp-name': 'Note_Read' }, 400, -32020],
  ['M-02 Mcp-Name in base64', call.body, { ...call.headers, 'mcp-name': base64('note_read') }, 200],
  ['M-02 Mcp-Name in base64, another name', call.body, { ...call.headers, 'mcp-name': base64('note') }, 400, -32020],
  [
    'M-02 Mcp-Name in broken base64',
    call.body,
    { ...call.headers, 'mcp-name': '=?base64?bm90ZV9yZW_k?=' },
    400,
    -32020,
  ],
  [
    'M-02 Mcp-Name in base64 of another spelling',
    call.body,
    { ...call.headers, 'mcp-name': base64('note_read').replace('base64', 'BASE64') },
    400,
    -32020,
  ],
  ['M-02 Mcp-Name with bytes that are not ASCII', call.body, { ...call.headers, 'mcp-name': 'n\u00f6te' }, 400, -32020],
  ['headers outrank the method', modern('x/y').body, list.headers, 400, -32020],
  ['modern call without a name', modern('tools/call').body, modern('tools/call').headers, 200, -32602],
  ['modern positional params cannot carry an envelope', rpc('tools/list', [META]), list.headers, 400, -32602],
  [
    'modern session and event id headers are ignored',
    list.body,
    { ...list.headers, 'mcp-session-id': 'a', 'last-event-id': '3' },
    200,
  ],
  [
    'modern notification with a claim that differs from the header',
    notify('n', { _meta: META }),
    { ...list.headers, 'mcp-protocol-version': '2025-06-18', 'mcp-method': 'n' },
    400,
    -32020,
  ],
  ['modern notification with a broken claim', notify('n', { _meta: { [VERSION]: 1 } }), {}, 400, -32602],
  ['modern notification of an unknown version', notify('n', { _meta: { [VERSION]: '2099-01-01' } }), {}, 400, -32022],
]

for (const [name, body, headers, status, code] of rows) {
  t.test(name, async (t) => {
    // The notification row above uses the headers of tools/list, whose Mcp-Method must not contradict it.
    const fitting = name === 'M-03 modern notification' ? { ...headers, 'mcp-method': undefined } : headers
    const outcome = await ask(body, fitting)
    t.equal(outcome.status, status)
    t.equal(outcome.reply?.error?.code, code)
    if (status === 202) t.equal(outcome.reply, undefined)
    else t.equal(outcome.reply?.jsonrpc, '2.0')
    if (status === 200 && code === undefined) t.type(outcome.reply?.result, 'object')
  })
}

t.test('M-02 a refused version says which are supported', async (t) => {
  const refused = await ask(meta({ [VERSION]: '2099-01-01' }), {
    ...list.headers,
    'mcp-protocol-version': '2099-01-01',
  })
  t.same(refused.reply?.error?.data, { supported: ['2026-07-28'], requested: '2099-01-01' })
  const old = await ask(rpc('ping'), { 'mcp-protocol-version': '2000-01-01' })
  t.same(old.reply?.error?.data, {
    supported: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'],
    requested: '2000-01-01',
  })
})

t.test('ids come back with their type, null only where none could be read', async (t) => {
  for (const id of [0, '', '0', -1, 'x'.repeat(1000)]) {
    t.equal((await ask(rpc('ping', {}, id))).reply?.id, id)
    t.equal((await ask(rpc('nope', {}, id))).reply?.id, id)
    t.equal((await ask({ jsonrpc: '2.0', id, method: 1 })).reply?.id, id)
  }
  t.equal((await ask({ jsonrpc: '2.0', id: null, method: 'ping' })).reply?.id, null)
})

t.test('initialize answers the revision that was asked for, or the newest that has a handshake', async (t) => {
  const asked = async (protocolVersion?: string) =>
    (await ask(rpc('initialize', { protocolVersion, capabilities: {}, clientInfo: {} }), accept)).reply?.result
  for (const version of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
    t.match(await asked(version), { protocolVersion: version })
  }
  for (const version of ['2026-07-28', '1999-01-01', 'x', undefined]) {
    t.match(await asked(version), { protocolVersion: '2025-11-25' })
  }
  t.same(await asked('2025-06-18'), {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {}, completions: {}, resources: {}, prompts: {}, logging: {} },
    serverInfo: { name: 'fixture', version: '1.2.3' },
    instructions: 'be kind',
  })
})

t.test('discover lists modern revisions only, and says how long it may be kept', async (t) => {
  const { body, headers } = modern('server/discover')
  t.same((await ask(body, headers)).reply?.result, {
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: { listChanged: true }, completions: {}, resources: { subscribe: true }, prompts: {} },
    instructions: 'be kind',
    ttlMs: 300_000,
    cacheScope: 'private',
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'fixture', version: '1.2.3' } },
  })
})
