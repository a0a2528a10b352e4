// The stdio bridge with the public SDKs' own stdio clients: the handshake era, and the one without; a cancelled
// command ends; what goes wrong on the way is an answer.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Client as SecondClient } from '@modelcontextprotocol/client'
import { StdioClientTransport as SecondTransport } from '@modelcontextprotocol/client/stdio'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import t from 'tap'
import { runBridge } from '../../src/commands/stdio.ts'
import { COMMAND, startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { runs } from '../support/exec.ts'
import { until } from '../support/until.ts'

const [command = '', ...rest] = COMMAND

let daemon: Daemon
t.before(async () => {
  daemon = await startDaemon(t)
})

const start = (more: string[] = [], token = TOKEN) => ({
  command,
  args: [...rest, 'stdio', '--url', `${daemon.url}/mcp?format=text`, ...more],
  env: { ...(process.env as Record<string, string>), RUNTIME_TOKEN: token },
})

t.test('the first SDK: handshake, list, call, failure, progress', async (t) => {
  const client = new Client({ name: 'stdio', version: '0' })
  await client.connect(new StdioClientTransport(start()))
  t.match(client.getServerVersion(), { name: 'workspace-runtime' })
  t.equal((await client.listTools()).tools.length, 23)
  const result = await client.callTool({ name: 'exec_run', arguments: { command: ['echo', 'hällo'] } })
  t.match(result.content, [{ type: 'text', text: /^Command \d+ exited with code 0 after .* s\.\nstdout:\nhällo$/ }])
  t.match(await client.callTool({ name: 'file_read', arguments: { path: '/no/such' } }), { isError: true })
  await t.rejects(client.callTool({ name: 'no_such_tool' }), { code: -32602 })
  const steps: number[] = []
  const run = { name: 'exec_run', arguments: { command: ['sleep', '2.5'] } }
  await client.callTool(run, undefined, { onprogress: ({ progress }) => void steps.push(progress) })
  t.ok(steps.length > 0, 'progress came through')
  await client.close()
})

t.test('the first SDK: a cancelled command ends', async (t) => {
  const client = new Client({ name: 'stdio', version: '0' })
  await client.connect(new StdioClientTransport(start()))
  const file = join(t.testdir(), 'pid')
  const gone = new AbortController()
  const args = { command: ['sh', '-c', `echo $$ > ${file}; exec sleep 600`] }
  const call = client.callTool({ name: 'exec_run', arguments: args }, undefined, { signal: gone.signal })
  const failed = call.catch((error: unknown) => error)
  await until('the command runs', () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'))
  gone.abort()
  t.ok((await failed) instanceof Error)
  await until('the command has ended', () => !runs(Number(readFileSync(file, 'utf8'))))
  await client.close()
})

t.test('the second SDK in the modern era: call, and a cancelled command ends', async (t) => {
  const client = new SecondClient({ name: 'stdio', version: '0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new SecondTransport(start()))
  t.equal(client.getNegotiatedProtocolVersion(), '2026-07-28')
  t.equal((await client.listTools()).tools.length, 23)
  const file = join(t.testdir(), 'pid')
  const gone = new AbortController()
  const args = { command: ['sh', '-c', `echo $$ > ${file}; exec sleep 600`] }
  const call = client.callTool({ name: 'exec_run', arguments: args }, { signal: gone.signal })
  const failed = call.catch((error: unknown) => error)
  await until('the command runs', () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'))
  const pid = Number(readFileSync(file, 'utf8'))
  gone.abort()
  t.ok((await failed) instanceof Error)
  await until('the command has ended', () => !runs(pid))
  await client.close()
})

/** Lines in, lines out, in this process. */
async function bridge(
  url: string,
  lines: readonly string[],
  token = TOKEN,
  reload?: () => Promise<string>,
): Promise<Record<string, unknown>[]> {
  const out: string[] = []
  // oxlint-disable-next-line require-yield -- a stream that is all there at once
  async function* input() {
    yield Buffer.from(lines.join('\n'))
  }
  const asking = reload === undefined ? {} : { reload }
  await runBridge({ url, token, ...asking, input: input(), write: async (line) => void out.push(line) })
  return out.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const ping = (id: string | number) => JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' })

t.test('a token that was rotated meanwhile is read again, once for each refusal', async (t) => {
  const url = `${daemon.url}/mcp`
  const old = 'o'.repeat(40)
  const answers = await bridge(url, [ping(1), ping(2)], old, async () => TOKEN)
  t.match(
    answers.toSorted((a, b) => Number(a['id']) - Number(b['id'])),
    [
      { id: 1, result: {} },
      { id: 2, result: {} },
    ],
  )
  let asked = 0
  const refused = await bridge(url, [ping(3)], old, async () => {
    asked++
    return old
  })
  t.match(refused, [{ id: 3, error: { message: /401/ } }])
  t.equal(asked, 1)
})

t.test('what goes wrong on the way is an answer with the id', async (t) => {
  const url = `${daemon.url}/mcp`
  const both = await bridge(url, [ping(0), '', ping('a')])
  t.strictSame(new Set(both.map(({ id }) => id)), new Set([0, 'a']))
  t.match(await bridge(url, [ping(1)], 'x'.repeat(40)), [{ id: 1, error: { code: -32603, message: /401.*token/ } }])
  t.match(await bridge(`http://127.0.0.1:${await closedPort()}/mcp`, [ping(2)]), [
    { id: 2, error: { message: /does not answer.*ECONNREFUSED/ } },
  ])
  t.match(await bridge(url, ['{ no json']), [{ id: null, error: { code: -32700 } }])
  const long = JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'ping', params: { x: 'y'.repeat(6_000_000) } })
  t.match(await bridge(url, [long, ping(4)]), [
    { id: 3, error: { message: /longer than/ } },
    { id: 4, result: {} },
  ])
  t.strictSame(await bridge(url, [JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })]), [])
})

t.test(
  'headers follow the body: the handshake’s revision, the modern envelope, names that are not ASCII',
  async (t) => {
    const seen: Record<string, unknown>[] = []
    const server = createServer((request, response) => {
      const { 'mcp-protocol-version': version, 'mcp-method': method, 'mcp-name': name, authorization } = request.headers
      seen.push({ version, method, name, authorization })
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-06-18' } }))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
    const answered: string[] = []
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    async function* input() {
      yield Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })}\n`)
      await until('it is agreed', () => answered.length === 1)
      yield Buffer.from(`${ping(2)}\n`)
      await until('it is answered', () => answered.length === 2)
      const params = { uri: 'file:///ä', _meta: meta }
      yield Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'resources/read', params })}\n`)
    }
    await runBridge({ url, token: 't', input: input(), write: async (line) => void answered.push(line) })
    t.strictSame(seen, [
      { version: undefined, method: undefined, name: undefined, authorization: 'Bearer t' },
      { version: '2025-06-18', method: undefined, name: undefined, authorization: 'Bearer t' },
      {
        version: '2026-07-28',
        method: 'resources/read',
        name: '=?base64?ZmlsZTovLy/DpA==?=',
        authorization: 'Bearer t',
      },
    ])
  },
)

t.test('it ends when its client goes', async (t) => {
  const { args, env } = start()
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(`${ping(1)}\n`)
  const [code] = (await once(child, 'exit')) as [number]
  t.equal(code, 0)
})

t.test('every refusal has the id of its message, however long that is and wherever its id stands', async (t) => {
  const url = `${daemon.url}/mcp`
  const call = (bytes: number) => ({
    name: 'file_write',
    arguments: { path: '/tmp/never', content: '"id":9,{'.repeat(bytes / 8) },
  })
  const message = (id: unknown, bytes: number) =>
    JSON.stringify({ method: 'tools/call', params: call(bytes), jsonrpc: '2.0', id })
  const first = JSON.stringify({ jsonrpc: '2.0', id: 'é"\\', method: 'tools/call', params: call(8_000_000) })
  const note = JSON.stringify({ jsonrpc: '2.0', method: 'x', params: { id: 3, content: 'x'.repeat(6_000_000) } })
  for (const [line, id] of [
    [message(41, 4_400_000), 41],
    [message(42, 8_000_000), 42],
    [first, 'é"\\'],
    ['{"jsonrpc":"2.0","id":7,"method":5}', 7],
  ] as const) {
    const answers = await bridge(url, [line])
    t.match(answers, [{ id, error: { message: String } }], `${line.length} bytes`)
    t.equal(answers.length, 1)
  }
  t.strictSame(await bridge(url, [note]), [], 'a notification has no answer')
  t.match(await bridge(`${daemon.url}/mcp?format=xml`, [ping(8)]), [{ id: 8, error: { code: -32602 } }])
})

t.test('the messages of a batch are answered one by one', async (t) => {
  const answers = await bridge(`${daemon.url}/mcp`, [`[${ping(1)},${ping('b')},{"jsonrpc":"2.0","method":"x"}]`])
  t.strictSame(new Set(answers.map(({ id }) => id)), new Set([1, 'b']))
  t.match(await bridge(`${daemon.url}/mcp`, ['[]']), [{ id: null, error: {} }])
})

t.test('an address without /mcp is named as such', async (t) => {
  t.match(await bridge(daemon.url, [ping(1)]), [
    { id: 1, error: { message: /is "\/mcp" missing at the end of --url/ } },
  ])
})

t.test('an answer that breaks off is an error with its id', async (t) => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end('event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const answers = await bridge(`http://127.0.0.1:${port}/mcp`, [ping(5)])
  t.match(answers, [{ method: 'notifications/progress' }, { id: 5, error: { message: /broke off/ } }])
  server.close()
})

t.test('a bridge that is killed ends the command it has started', async (t) => {
  const file = join(t.testdir(), 'pid')
  const child = spawn(command, start().args, { env: start().env, stdio: ['pipe', 'ignore', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  const args = { command: ['sh', '-c', `echo $$ > ${file}; exec sleep 600`] }
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'exec_run', arguments: args } }
  child.stdin.write(`${JSON.stringify(call)}\n`)
  await until('the command runs', () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'))
  child.kill('SIGKILL')
  await until('the command has ended', () => !runs(Number(readFileSync(file, 'utf8'))))
})
