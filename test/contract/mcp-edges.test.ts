// What clients of /mcp run into at the edges: equal ids of two clients, failures as programs read them, slips in the
// query, headers that came twice, nulls, refusals before a message is read.

import { existsSync } from 'node:fs'
import { request as open } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

let daemon: Daemon
t.before(async () => {
  daemon = await startDaemon(t)
})

const HEADERS = { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' }
const run = (args: object, id: unknown = 5) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'exec_run', arguments: args },
})
const cancel = (requestId: unknown) => ({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })
const send = (message: unknown, path = '/mcp', headers: object = {}) =>
  daemon.call('POST', path, message, { ...HEADERS, ...headers })

/** A call whose client can leave. */
function call(t: Test, message: object, headers: object = {}) {
  const sent = open(`${daemon.url}/mcp`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...HEADERS, ...headers },
  })
  sent.on('error', () => undefined)
  sent.end(JSON.stringify(message))
  t.teardown(() => sent.destroy())
  return sent
}

const started = async (file: string) => await until(`${file} is there`, () => existsSync(file))
const waits = (file: string) => ({ command: ['sh', '-c', 'touch "$0"; exec sleep 60', file] })
const statusOf = async (file: string): Promise<string> => {
  const { body } = await daemon.call('GET', '/exec')
  return body.tasks.find(({ command }: { command: string[] }) => command.includes(file))?.status
}

t.test('a cancellation means the call whose client still waits', async (t) => {
  const [left, live, other] = ['left', 'live', 'other'].map((name) => join(daemon.directory, name)) as [
    string,
    string,
    string,
  ]
  const gone = call(t, run(waits(left)))
  await started(left)
  gone.destroy()
  call(t, run(waits(live)))
  await started(live)
  // The daemon hears of the connection's end on its own time; until then it refuses to guess, and logs that.
  const refusals = (): number => daemon.stderr().split('not_cancelled').length
  for (let before = 0; before !== refusals();) {
    before = refusals()
    t.equal((await send(cancel(5))).status, 202)
    await until('it is meant, or nothing is', async () => (await statusOf(live)) === 'failed' || refusals() > before)
  }
  t.equal(await statusOf(left), 'running', 'no client cancelled it')
  await send(cancel(5))
  await until('the only one that is left is meant', async () => (await statusOf(left)) === 'failed')
  const [orphan, mine] = ['orphan', 'mine'].map((name) => join(daemon.directory, name)) as [string, string]
  for (const file of [orphan, mine]) {
    const one = call(t, run(waits(file), 6))
    await started(file)
    one.destroy()
    await pause(200) // the daemon sees the connections end in this order
  }
  await send(cancel(6))
  await until('the one that was left last is meant', async () => (await statusOf(mine)) === 'failed')
  t.equal(await statusOf(orphan), 'running')
  call(t, run(waits(other)))
  await started(other)
  const twin = join(daemon.directory, 'twin')
  call(t, run(waits(twin)))
  await started(twin)
  t.equal((await send(cancel(5))).status, 202)
  await until('the log says why nothing was cancelled', () => /not_cancelled/.test(daemon.stderr()))
  t.strictSame([await statusOf(other), await statusOf(twin)], ['running', 'running'])
  await daemon.call('DELETE', '/exec')
})

t.test('a caller that cannot cancel otherwise ends its call by leaving', async (t) => {
  const file = join(daemon.directory, 'bridge')
  const one = call(t, run(waits(file), 'b'), { 'x-mcp-cancel-on-close': '1' })
  await started(file)
  one.destroy()
  await until('it has ended', async () => (await statusOf(file)) === 'failed')
})

t.test('a failure has its body for programs: structured where no schema is promised, else in _meta', async (t) => {
  const missing = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'file_read', arguments: { path: '/no' } },
  }
  const fault = { success: false, code: 'not_found', message: /does not exist/, request_id: String }
  const json = (await send(missing)).body.result
  t.equal(json.isError, true)
  t.match(JSON.parse(json.content[0].text), fault)
  t.match(json._meta['workspace-runtime/facts'], fault)
  t.notOk('structuredContent' in json, 'clients would hold it against the output schema')
  const text = (await send(missing, '/mcp?format=text')).body.result
  t.match(text.structuredContent, { ...fault, error_message: /does not exist/ })
  t.match(text._meta['workspace-runtime/facts'], fault)
  t.match(text.content[0].text, /^Path .* does not exist/)
  const stat = { ...missing, params: { name: 'file_mkdir', arguments: { path: '/proc/x' } } }
  const listed = (await send(stat, '/mcp?format=text')).body.result
  t.ok(listed.isError && !('structuredContent' in listed))
  t.match(listed._meta['workspace-runtime/facts'], { success: false, code: String })
})

t.test('an error about the query has the id of the request', async (t) => {
  for (const [query, id] of [
    ['toolsets=flies', 7],
    ['format=xml', 'x'],
    ['readonly=maybe', 0],
    ['max_result_bytes=1', ''],
  ] as const) {
    const { status, body } = await send({ jsonrpc: '2.0', id, method: 'tools/list' }, `/mcp?${query}`)
    t.equal(status, 400)
    t.match(body, { id, error: { code: -32602 } }, query)
  }
  t.equal((await send('{', '/mcp?format=xml')).body.error.code, -32700)
})

t.test('nulls, a header that came twice, an odd version at the handshake', async (t) => {
  const list = (method: string) => ({ jsonrpc: '2.0', id: 1, method, params: { cursor: null, _meta: null } })
  for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']) {
    t.ok((await send(list(method))).body.result, method)
  }
  const twice = { 'mcp-protocol-version': '2025-11-25, 2025-11-25' }
  t.equal((await send(list('tools/list'), '/mcp', twice)).status, 200)
  t.equal((await send(list('tools/list'), '/mcp', { 'mcp-protocol-version': '2025-11-25, 2025-06-18' })).status, 400)
  const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2024-01-01' } }
  for (const version of ['2024-01-01', 'odd']) {
    const { status, body } = await send(initialize, '/mcp', { 'mcp-protocol-version': version })
    t.match([status, body.result.protocolVersion], [200, '2025-11-25'], version)
  }
})

t.test('a refusal before the message is read is a JSON-RPC error too', async (t) => {
  const stranger = await send({ jsonrpc: '2.0', id: 1, method: 'ping' }, '/mcp', { authorization: 'Bearer no' })
  t.match(stranger, {
    status: 401,
    body: {
      jsonrpc: '2.0',
      id: null,
      error: { code: -32000, message: /valid credential/, data: { code: 'unauthorized' } },
      success: false,
      code: 'unauthorized',
      request_id: String,
    },
  })
  const foreign = await send({ jsonrpc: '2.0', id: 1, method: 'ping' }, '/mcp', { origin: 'https://evil.example' })
  t.match(foreign, { status: 403, body: { jsonrpc: '2.0', error: { code: -32000 }, code: 'forbidden' } })
  t.type((await daemon.call('GET', '/files', undefined, { authorization: 'Bearer no' })).body.error, 'string')
})

t.test('a start takes the toolset names that a client takes, and a client replaces them', async (t) => {
  const one = await startDaemon(t, { args: ['--toolsets', 'search,exec'] })
  const names = async (query: string): Promise<string[]> => {
    const { body } = await one.call('POST', `/mcp${query}`, { jsonrpc: '2.0', id: 1, method: 'tools/list' })
    return body.result.tools.map(({ name }: { name: string }) => name)
  }
  t.equal((await names('')).length, 9)
  t.equal((await names('?toolsets=default')).length, 23)
  t.strictSame(await names('?toolsets=search'), ['search_content', 'search_files', 'search_init'])
  t.ok((await names('?toolsets=default,files')).includes('file_move'))
  t.equal((await one.call('GET', '/files?path=/')).status, 200, 'REST is whole')
  const { body } = await daemon.call('POST', '/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' })
  t.equal(body.result.tools.length, 23)
})
