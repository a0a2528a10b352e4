// The server that the public suite runs against has the fixture and no part of the workspace, and the product has
// no part of the fixture.

import t from 'tap'
import { startConformanceServer } from '../support/conformance-server.ts'
import { startDaemon } from '../support/daemon.ts'

const rpc = (method: string, params?: unknown) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, ...(params === undefined ? {} : { params }) })

async function ask(url: string, body: string) {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body })
  return response.text()
}

t.test('serves the fixture, and no part of the workspace', async (t) => {
  await using server = await startConformanceServer()
  const { url } = server
  const tools = await ask(url, rpc('tools/list'))
  t.match(tools, /test_simple_text/)
  t.notMatch(tools, /exec_run|file_read/)
  t.match(await ask(url, rpc('tools/call', { name: 'exec_run', arguments: { command: ['id'] } })), /-32602/)
  t.match(await ask(url, rpc('resources/read', { uri: 'file:///etc/hosts' })), /-32602/)
  for (const path of ['/exec', '/files', '/terminals', '/health', '/ws', '/runtimes/local/files']) {
    t.equal((await fetch(new URL(path, url))).status, 404, path)
  }
  const foreign = await fetch(url, { headers: { origin: 'https://evil.example' } })
  t.equal(foreign.status, 403)
  t.equal(await server.stop(), 0)
  t.equal(await fetch(url).catch(() => 'gone'), 'gone')
})

t.test('the product has nothing of the fixture', async (t) => {
  const daemon = await startDaemon(t)
  t.notMatch((await daemon.call('POST', '/mcp', rpc('tools/list'))).body, /test_simple_text/)
})
