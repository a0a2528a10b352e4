// A command that takes longer than the client's patience: the progress it is told of prolongs that, and says
// the last line of output. The same with 70 s and the clients' own patience runs in `npm run conformance`.

import { Client as SecondClient, StreamableHTTPClientTransport as SecondTransport } from '@modelcontextprotocol/client'
import { Client as FirstClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as FirstTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import t from 'tap'
import { startDaemon, TOKEN } from '../support/daemon.ts'

const NAME = { name: 'contract-test', version: '0.0.0' }
const BEARER = { requestInit: { headers: { Authorization: `Bearer ${TOKEN}` } } }
const PATIENCE_MS = 3000

interface Told {
  readonly progress: number
  readonly message?: string | undefined
}

t.test('longer than the patience of each client, all at once', async (t) => {
  const daemon = await startDaemon(t)
  const url = new URL('/mcp', daemon.url)
  const first = new FirstClient(NAME)
  await first.connect(new FirstTransport(url, BEARER))
  const older = new SecondClient(NAME, { versionNegotiation: { mode: 'legacy' } })
  await older.connect(new SecondTransport(url, BEARER))
  const modern = new SecondClient(NAME, { versionNegotiation: { mode: 'auto' } })
  await modern.connect(new SecondTransport(url, BEARER))
  t.equal(modern.getNegotiatedProtocolVersion(), '2026-07-28')
  for (const client of [first, older, modern]) t.teardown(() => client.close())

  const command = ['sh', '-c', 'for i in 1 2 3 4 5; do echo "line $i"; echo; sleep 1; done >&2']
  const call = { name: 'exec_run', arguments: { command } }
  const options = { timeout: PATIENCE_MS, resetTimeoutOnProgress: true }
  const runs: readonly (readonly [string, (onprogress: (told: Told) => void) => Promise<unknown>])[] = [
    ['sdk 1', (onprogress) => first.callTool(call, undefined, { ...options, onprogress })],
    ['client 2, legacy', (onprogress) => older.callTool(call, { ...options, onprogress })],
    ['client 2, modern', (onprogress) => modern.callTool(call, { ...options, onprogress })],
  ]
  await Promise.all(
    runs.map(async ([label, run]) => {
      const told: Told[] = []
      t.match(await run((one) => told.push(one)), { structuredContent: { exit_code: 0 } }, label)
      t.ok(told.length >= 4, `${label}: ${told.length} notifications`)
      t.ok(told.every(({ progress }, i) => i === 0 || progress > (told[i - 1]?.progress ?? 0)))
      t.match(told.at(-1), { message: /^line [45]$/ })
    }),
  )
})
