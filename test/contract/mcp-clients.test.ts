// The public MCP clients against the running daemon: the handshake client of the first SDK, and the second
// SDK's in both eras, each with a bearer. List, call, a failing call, an unknown tool.

import { join } from 'node:path'
import { existsSync, readFileSync } from 'node:fs'
import { Client as SecondClient, StreamableHTTPClientTransport as SecondTransport } from '@modelcontextprotocol/client'
import { Client as FirstClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as FirstTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import t, { type Test } from 'tap'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const NAME = { name: 'contract-test', version: '0.0.0' }
const BEARER = { requestInit: { headers: { Authorization: `Bearer ${TOKEN}` } } }

interface Result {
  readonly content: readonly { readonly type: string; readonly text?: string }[]
  readonly structuredContent?: unknown
  readonly isError?: boolean
}

/** The calls that the tests make with the client of any SDK. */
interface Asking {
  readonly label: string
  /** The revision that was agreed on. */
  readonly version: string | undefined
  readonly instructions: string | undefined
  readonly server: unknown
  list(): Promise<readonly { readonly name: string; readonly outputSchema?: unknown }[]>
  call(name: string, args: Record<string, unknown>, signal?: AbortSignal): Promise<Result>
  close(): Promise<void>
}

async function first(url: URL): Promise<Asking> {
  const client = new FirstClient(NAME)
  const transport = new FirstTransport(url, BEARER)
  await client.connect(transport)
  return {
    label: 'sdk 1',
    version: transport.protocolVersion,
    instructions: client.getInstructions(),
    server: client.getServerVersion(),
    list: async () => (await client.listTools()).tools,
    call: async (name, args, signal) =>
      (await client.callTool({ name, arguments: args }, undefined, signal === undefined ? {} : { signal })) as Result,
    close: () => client.close(),
  }
}

async function second(url: URL, mode: 'legacy' | 'auto' | { pin: string }, label: string): Promise<Asking> {
  const client = new SecondClient(NAME, { versionNegotiation: { mode } })
  await client.connect(new SecondTransport(url, BEARER))
  return {
    label,
    version: client.getNegotiatedProtocolVersion(),
    instructions: client.getInstructions(),
    server: client.getServerVersion(),
    list: async () => (await client.listTools()).tools,
    call: async (name, args, signal) =>
      (await client.callTool({ name, arguments: args }, signal === undefined ? {} : { signal })) as Result,
    close: () => client.close(),
  }
}

const CLIENTS: readonly (readonly [string, string, (url: URL) => Promise<Asking>])[] = [
  ['sdk 1', '2025-11-25', first],
  ['client 2, legacy', '2025-11-25', (url) => second(url, 'legacy', 'client 2, legacy')],
  ['client 2, auto', '2026-07-28', (url) => second(url, 'auto', 'client 2, auto')],
  ['client 2, pinned', '2026-07-28', (url) => second(url, { pin: '2026-07-28' }, 'client 2, pinned')],
]

/** Returns false once a process has ended, also while it is a zombie. */
function runs(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

let daemon: Daemon

t.before(async () => {
  daemon = await startDaemon(t)
})

/** The text block as JSON; equal to the structured half, which every client here takes. */
function body(t: Test, result: Result): unknown {
  t.equal(result.content.length, 1)
  const value: unknown = JSON.parse(result.content[0]?.text ?? '')
  if (result.isError !== true) t.same(result.structuredContent, value)
  return value
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

for (const [label, version, connect] of CLIENTS) {
  t.test(`${label}: list, call, a failing call, an unknown tool`, async (t) => {
    const client = await connect(new URL('/mcp', daemon.url))
    t.teardown(() => client.close())
    t.equal(client.version, version)
    t.match(client.server, { name: 'workspace-runtime', version: String })
    t.match(client.instructions, /absolute/)

    const tools = await client.list()
    t.same(tools.map((tool) => tool.name).slice(0, 3), ['file_list', 'file_read', 'file_write'])
    t.ok(tools.every((tool) => tool.outputSchema !== undefined))

    const path = join(daemon.directory, label.replaceAll(/\W/g, '-'), 'note.txt')
    t.match(body(t, await client.call('file_write', { path, content: 'α\nβ\n' })), { success: true, path, size: 6 })
    t.match(body(t, await client.call('file_read', { path })), { success: true, content: 'α\nβ\n', lines: 2 })
    t.match(body(t, await client.call('file_stat', { path })), { success: true, type: 'file', size: 6 })
    t.match(body(t, await client.call('file_list', { path: join(path, '..') })), { success: true, count: 1 })
    t.match(body(t, await client.call('search_content', { q: 'β', path: join(path, '..') })), { total_matches: 1 })
    t.match(body(t, await client.call('search_files', { q: 'note', path: join(path, '..') })), { files: ['note.txt'] })
    t.match(body(t, await client.call('exec_run', { command: ['sh', '-c', 'echo out; exit 3'] })), {
      success: true,
      status: 'exited',
      exit_code: 3,
      stdout: 'out\n',
    })

    const missing = await client.call('file_read', { path: '/does/not/exist' })
    t.equal(missing.isError, true)
    t.match(body(t, missing), { success: false, code: 'not_found', error: /does\/not\/exist/, request_id: String })
    const wrong = await client.call('file_read', { pth: path })
    t.equal(wrong.isError, true)
    t.match(body(t, wrong), { success: false, code: 'bad_request', error: /Did you mean "path"/ })
    t.match(await failure(client.call('file_raed', {})), { code: -32602, message: /Unknown tool.*file_read/ })
  })

  t.test(`M-05 ${label}: a call that is cancelled ends its process group`, async (t) => {
    const client = await connect(new URL('/mcp', daemon.url))
    t.teardown(() => client.close())
    const file = join(daemon.directory, `pid-${label.replaceAll(/\W/g, '-')}`)
    const leaving = new AbortController()
    const call = failure(
      client.call('exec_run', { command: ['sh', '-c', `sleep 100 & echo $! > ${file}; wait`] }, leaving.signal),
    )
    await until('the command runs', () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'))
    const pid = Number(readFileSync(file, 'utf8'))
    leaving.abort()
    t.ok(await call)
    await until('its grandchild is gone', () => !runs(pid))
  })
}

t.test('M-06 arguments that begin with a dash are data', async (t) => {
  const tool = async (name: string, args: object) => {
    const reply = await daemon.call('POST', '/mcp', {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name, arguments: args },
    })
    return reply.body.error ?? JSON.parse(reply.body.result.content[0].text)
  }
  const place = join(daemon.directory, 'dashes')
  const script = join(place, '-planted')
  const trace = join(place, 'ran')
  await tool('file_write', { path: script, content: `#!/bin/sh\ntouch ${trace}\n--files\n`, mode: '0755' })
  for (const q of [`--pre=${script}`, `--hostname-bin=${script}`, '-f/etc/passwd', '--', '-']) {
    t.match(await tool('search_content', { q, path: place, include_hidden: true }), { success: true, query: q })
    t.match(await tool('search_files', { q, path: place }), { success: true, query: q })
  }
  t.match(await tool('search_content', { q: '--files', path: place }), { total_matches: 1 })
  t.match(
    await tool('search_content', { q: 'touch', path: place, file_types: ['--pre=x'], ignore_patterns: ['--hidden'] }),
    {
      total_matches: 0,
    },
  )
  t.match(await tool('file_read', { path: '-nowhere' }), { data: { code: 'not_found' } }, 'below the working directory')
  t.match(await tool('file_list', { path: place }), { count: 1 })
  t.notOk(existsSync(trace))
})

t.test('a wrong bearer is a failed connection', async (t) => {
  const transport = new SecondTransport(new URL('/mcp', daemon.url), {
    requestInit: { headers: { Authorization: `Bearer ${TOKEN.replace('test', 'tost')}` } },
  })
  const client = new SecondClient(NAME, { versionNegotiation: { mode: 'auto' } })
  t.ok(await failure(client.connect(transport)))
  await client.close()
})

t.test('the three steps with curl: bare, without initialize', async (t) => {
  const rpc = (id: unknown, method: string, params?: unknown) => ({ jsonrpc: '2.0', id, method, params })
  const send = (message: unknown) => daemon.call('POST', '/mcp', message, { 'mcp-session-id': 'my-session' })
  const path = join(daemon.directory, 'hello.js')
  const steps = [
    ['file_write', { path, content: 'console.log(6 * 7)' }],
    ['file_stat', { path }],
    ['exec_run', { command: [process.execPath, path] }],
  ] as const
  const bodies: unknown[] = []
  for (const [index, [name, args]] of steps.entries()) {
    const { status, headers, body: reply } = await send(rpc(index, 'tools/call', { name, arguments: args }))
    t.equal(status, 200)
    t.equal(headers.get('mcp-session-id'), 'my-session')
    t.equal(reply.id, index)
    t.equal(reply.result.structuredContent, undefined)
    bodies.push(JSON.parse(reply.result.content[0].text))
  }
  t.match(bodies, [{ size: 18 }, { type: 'file' }, { exit_code: 0, stdout: '42\n' }])

  for (const [message, status, code] of [
    ['{"jsonrpc":', 400, -32700],
    [rpc(1, 'tools/nothing'), 200, -32601],
    [rpc(1, 'tools/call', { name: 'nothing' }), 200, -32602],
    [rpc(1, 'tools/call', { name: 'file_read', arguments: {} }), 200, -32602],
    [rpc(1, 'tools/call', { name: 'file_read', arguments: { path: '/does/not/exist' } }), 200, -32603],
  ] as const) {
    const reply = await send(message)
    t.equal(reply.status, status)
    t.equal(reply.body.error.code, code)
  }
})

t.test('GET describes, with and without a slash at the end; probes for OAuth are a JSON 404', async (t) => {
  for (const path of ['/mcp', '/mcp/']) {
    const { status, body } = await daemon.call('GET', path)
    t.equal(status, 200)
    t.match(body, { name: 'workspace-runtime', version: String, tools: ['file_list'], tool_count: Number })
    t.equal(body.tools.length, body.tool_count)
  }
  t.equal((await daemon.call('POST', '/mcp/', { jsonrpc: '2.0', id: 1, method: 'ping' })).status, 200)
  t.equal((await daemon.call('GET', '/mcp', undefined, { accept: 'text/event-stream' })).status, 405)
  t.match(await daemon.call('GET', '/.well-known/oauth-protected-resource/mcp'), {
    status: 404,
    body: { code: 'not_found' },
  })
})
