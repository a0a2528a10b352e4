// The listener for the public suite: only by its flag, only on loopback, never on the product's port, and with
// nothing behind it but the fixture.

import { spawnSync } from 'node:child_process'
import t from 'tap'
import { COMMAND, startDaemon, TOKEN } from './support/daemon.ts'

const rpc = (method: string, params?: unknown) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, ...(params === undefined ? {} : { params }) })

async function ask(url: string, body: string) {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body })
  return { status: response.status, text: await response.text() }
}

t.test('serves the fixture, and no part of the workspace', async (t) => {
  const daemon = await startDaemon(t, { args: ['--conformance-port', '0'] })
  const url = /conformance fixture on (http:\/\/127\.0\.0\.1:\d+)\/mcp/.exec(daemon.stderr())?.[1] ?? ''
  t.not(url, '')
  const { text } = await ask(`${url}/mcp`, rpc('tools/list'))
  t.match(text, /test_simple_text/)
  t.notMatch(text, /exec_run|file_read/)
  t.match(
    (await ask(`${url}/mcp`, rpc('tools/call', { name: 'exec_run', arguments: { command: ['id'] } }))).text,
    /-32602/,
  )
  t.match((await ask(`${url}/mcp`, rpc('resources/read', { uri: 'file:///etc/hosts' }))).text, /-32602/)
  for (const path of ['/exec', '/files', '/terminals', '/health', '/ws', '/runtimes/local/files']) {
    t.equal((await fetch(url + path)).status, 404, path)
  }
  const foreign = await fetch(`${url}/mcp`, { headers: { origin: 'https://evil.example' } })
  t.equal(foreign.status, 403)
  t.notMatch(
    (await daemon.call('POST', '/mcp', rpc('tools/list'))).body,
    /test_simple_text/,
    'the product has none of it',
  )
  t.equal(await daemon.stop(), 0)
  t.equal(await fetch(`${url}/mcp`).catch(() => 'gone'), 'gone')
})

t.test('is refused on the port of the product and for other hosts, and is not in the help', async (t) => {
  const [command = '', ...rest] = COMMAND
  const run = (...args: string[]) =>
    spawnSync(command, [...rest, ...args], {
      env: { ...process.env, RUNTIME_TOKEN: TOKEN },
      encoding: 'utf8',
      timeout: 300_000,
    })
  const port = run('--port', '0', '--conformance-port', '9990')
  t.equal(port.status, 2)
  t.match(port.stderr, /9990/)
  const host = run('--port', '0', '--host', '0.0.0.0', '--conformance-port', '0')
  t.equal(host.status, 2)
  t.match(host.stderr, /loopback/)
  t.equal(run('--port', '0', '--conformance-port', 'x').status, 2)
  t.notMatch(run('--help').stdout, /conformance/)
})
