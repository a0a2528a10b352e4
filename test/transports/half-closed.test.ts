// A client that closes its sending side after its request gets its answer (RFC 9112 9.6 names half-closed connections;
// nc -N, socat and some balancers make them). One that closes altogether looks the same on the wire, and is noticed.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { endsOf, parseTable } from '../../src/transports/half-closed.ts'
import { openApplication, openBytes } from '../support/application.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

function request(line: string, body: object | undefined, more: readonly string[] = []): string {
  const text = body === undefined ? '' : JSON.stringify(body)
  const length = body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${text.length}`]
  const head = [`${line} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${TOKEN}`, ...length, ...more]
  return `${head.join('\r\n')}\r\n\r\n${text}`
}

/** Sends, closes its sending side, and reads to the end. */
async function halfClosed(daemon: Daemon, bytes: string): Promise<string> {
  const socket = connect({ port: daemon.port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1'))).on('error', () => undefined)
  const closed = once(socket, 'close')
  socket.end(bytes)
  await closed
  return text
}

const run = { command: ['sh', '-c', 'sleep 0.3; echo done'] }
const call = (id: number) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'exec_run', arguments: run },
})
const LEGACY = ['Accept: application/json, text/event-stream', 'MCP-Protocol-Version: 2025-11-25']

t.test('the answer comes, whatever was asked', { timeout: 60_000 }, async (t) => {
  const daemon = await startDaemon(t)
  const application = await openApplication(t, {
    request: (_, response) => void setTimeout(() => response.end('from the application: done'), 300),
  })
  for (const more of [[], ['Connection: close']]) {
    t.match(await halfClosed(daemon, request('POST /exec', run, more)), /200 OK[^]*done\\n/, 'exec')
    t.match(await halfClosed(daemon, request('POST /exec/stream', run, more)), /event: exit/, 'a stream of events')
    t.match(await halfClosed(daemon, request('POST /mcp', call(1), more)), /done/, 'bare')
    t.match(await halfClosed(daemon, request('POST /mcp', call(1), [...LEGACY, ...more])), /done/, 'legacy')
    t.match(await halfClosed(daemon, request(`GET /proxy/${application.port}/`, undefined, more)), /: done/, 'proxy')
  }
  const two = request('POST /exec', run) + request('POST /exec', { command: ['echo', 'second'] })
  t.match(await halfClosed(daemon, two), /done\\n[^]*second\\n/, 'two requests')
  t.match(await halfClosed(daemon, request('POST /exec', run).slice(0, -3)), /^(HTTP\/1\.1 400|$)/, 'half a request')
})

t.test('in the modern era it cancels the call', { timeout: 60_000 }, async (t) => {
  const daemon = await startDaemon(t)
  const marker = `${daemon.directory}/ran`
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '0' },
  }
  const params = { name: 'exec_run', arguments: { command: ['sh', '-c', `sleep 30; touch ${marker}`] }, _meta: meta }
  const headers = ['MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/call', 'Mcp-Name: exec_run', LEGACY[0] ?? '']
  await halfClosed(daemon, request('POST /mcp', { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, headers))
  await until('nothing runs', async () => (await daemon.call('GET', '/health/detail')).body.counts.execs === 0)
  t.notOk(existsSync(marker))
})

t.test('one that waits long is waited for, one that has gone is not', { timeout: 60_000 }, async (t) => {
  const daemon = await startDaemon(t)
  const asked: Socket[] = []
  const silent = await openBytes(t, (socket) => void asked.push(socket.resume()))
  const begin = async (allowHalfOpen: boolean): Promise<Socket> => {
    const socket = connect({ port: daemon.port, host: '127.0.0.1', allowHalfOpen })
    socket.on('error', () => undefined).resume()
    t.teardown(() => socket.destroy())
    const before = asked.length
    socket.write(request(`GET /proxy/${silent}/`, undefined))
    await until('the application is asked', () => asked.length > before)
    return socket
  }
  const waiting = await begin(true)
  waiting.end()
  const [first] = asked
  const gone = await begin(false)
  gone.destroy()
  await until('the application loses the one', () => asked[1]?.destroyed === true || asked[1]?.readableEnded === true)
  t.equal(first?.readableEnded, false, 'and keeps the other')
  let text = ''
  waiting.on('data', (chunk) => (text += chunk.toString('latin1')))
  first?.end('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate')
  await until('it gets its answer', () => text.endsWith('late'))
})

t.test('the ends of a socket as the table of the kernel writes them', async (t) => {
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer().listen(0, host)
    await once(server, 'listening').catch(() => undefined)
    if (!server.listening) continue // no IPv6 here
    const { port } = server.address() as AddressInfo
    const client = connect(port, host)
    const [accepted] = (await once(server, 'connection')) as [Socket]
    t.teardown(() => {
      client.destroy()
      accepted.destroy()
      server.close()
    })
    const ends = parseTable(['tcp', 'tcp6'].map((name) => readFileSync(`/proc/self/net/${name}`, 'latin1')).join('\n'))
    const [ours = ''] = endsOf(accepted.localAddress ?? '', port)
    const [theirs = ''] = endsOf(accepted.remoteAddress ?? '', accepted.remotePort ?? 0)
    t.equal(ends.get(`${ours} ${theirs}`), true, host)
  }
  t.strictSame(endsOf('::ffff:10.0.0.1', 80), ['0100000A:0050', '0000000000000000FFFF00000100000A:0050'])
  t.strictSame(endsOf('fe80::1%eth0', 1), ['000080FE000000000000000001000000:0001'])
})
