// `mcp.confirm`: a client that can be asked is asked before a directory is deleted or all commands are ended.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import t from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'

let daemon: Daemon
t.before(async () => {
  daemon = await startDaemon(t, { config: { mcp: { confirm: true } } })
})

const ABLE = { elicitation: { form: {} } }

async function call(name: string, args: object, more: object = {}, capabilities: object = ABLE, to = daemon) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  }
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta, ...more } }
  const { body } = await to.call('POST', '/mcp', message, {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': name,
    accept: 'application/json, text/event-stream',
  })
  return body
}

const answer = (requestState: string, action: string) => ({
  requestState,
  inputResponses: { confirm: { action, content: {} } },
})

t.test('deleting a directory asks; what was asked is bound to that call and credential', async (t) => {
  const dir = t.testdir({ a: { file: '' }, b: { file: '' } })
  const [a, b] = [join(dir, 'a'), join(dir, 'b')]
  const first = (await call('file_delete', { path: a })).result
  t.match(first, {
    resultType: 'input_required',
    inputRequests: {
      confirm: {
        method: 'elicitation/create',
        params: { mode: 'form', message: `Delete the directory ${a} and everything below it?` },
      },
    },
  })
  const { requestState } = first
  t.equal(existsSync(a), true)
  t.match(
    (await call('file_delete', { path: b }, answer(requestState, 'accept'))).error,
    { code: -32602 },
    'another call',
  )
  const forged = await call(
    'file_delete',
    { path: b },
    { inputResponses: { confirm: { action: 'accept', content: {} } } },
  )
  t.equal(forged.result.resultType, 'input_required', 'an answer to no question')
  t.equal(existsSync(b), true)
  const declined = (await call('file_delete', { path: a }, answer(requestState, 'decline'))).result
  t.match(declined, { isError: true, content: [{ text: /did not agree; nothing was done/ }] })
  t.equal(existsSync(a), true)
  t.match((await call('file_delete', { path: a }, answer(requestState, 'accept'))).result, {
    structuredContent: { path: a },
  })
  t.equal(existsSync(a), false)
})

t.test('a file, a path that is not there, and a client that cannot be asked are not asked about', async (t) => {
  const dir = t.testdir({})
  writeFileSync(join(dir, 'file'), '')
  t.match((await call('file_delete', { path: join(dir, 'file') })).result, { structuredContent: { success: true } })
  t.match((await call('file_delete', { path: join(dir, 'no') })).result, { isError: true })
  mkdirSync(join(dir, 'directory'))
  const mute = await call('file_delete', { path: join(dir, 'directory') }, {}, {})
  t.match(mute.result, { structuredContent: { success: true } })
})

t.test('no client is asked unless the configuration says so', async (t) => {
  const usual = await startDaemon(t)
  const path = join(t.testdir({ d: {} }), 'd')
  t.match((await call('file_delete', { path }, {}, ABLE, usual)).result, { structuredContent: { path } })
})

t.test('exec_delete_all asks while something runs', async (t) => {
  t.match((await call('exec_delete_all', {})).result, { structuredContent: { deleted: 0 } })
  await daemon.call('POST', '/exec', { cmd: ['sleep', '60'], background: true })
  const { requestState } = (await call('exec_delete_all', {})).result
  t.match((await daemon.call('GET', '/exec')).body, { tasks: [{ status: 'running' }] })
  t.match((await call('exec_delete_all', {}, answer(requestState, 'accept'))).result, {
    structuredContent: { deleted: 1 },
  })
})

t.test('the second SDK answers through its handler', async (t) => {
  const client = new Client(
    { name: 'confirm', version: '0' },
    { capabilities: ABLE, versionNegotiation: { mode: 'auto' } },
  )
  let asked = ''
  client.setRequestHandler('elicitation/create', (request) => {
    asked = request.params.message
    return Promise.resolve({ action: 'accept', content: {} })
  })
  const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${daemon.url}/mcp`), { requestInit }))
  const path = join(t.testdir({ d: {} }), 'd')
  const result = await client.callTool({ name: 'file_delete', arguments: { path } })
  t.match(result, { structuredContent: { path } })
  t.match(asked, /^Delete the directory/)
  t.equal(existsSync(path), false)
  await client.close()
})
