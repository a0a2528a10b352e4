// Runs a command of 70 seconds through each public client, which waits 60 for one answer: the progress that arrives
// meanwhile prolongs the wait.

import { Client as SecondClient, StreamableHTTPClientTransport as SecondTransport } from '@modelcontextprotocol/client'
import { Client as FirstClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as FirstTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const SECONDS = 70
/** Default wait of the clients. */
const PATIENCE_MS = 60_000
const NAME = { name: 'long-calls', version: '0.0.0' }

export interface LongCall {
  readonly client: string
  /** Undefined: the call went as it must. */
  readonly problem: string | undefined
  readonly notifications: number
}

interface Told {
  readonly progress: number
  readonly message?: string | undefined
}

type Caller = (onprogress: (told: Told) => void) => Promise<unknown>

export async function longCalls(url: URL, token: string): Promise<readonly LongCall[]> {
  const bearer = { requestInit: { headers: { Authorization: `Bearer ${token}` } } }
  const command = ['sh', '-c', `for i in $(seq ${SECONDS}); do echo "line $i"; sleep 1; done`]
  const call = { name: 'exec_run', arguments: { command } }
  const options = { timeout: PATIENCE_MS, resetTimeoutOnProgress: true }
  const first = new FirstClient(NAME)
  const older = new SecondClient(NAME, { versionNegotiation: { mode: 'legacy' } })
  const modern = new SecondClient(NAME, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await first.connect(new FirstTransport(url, bearer))
  for (const client of [older, modern]) await client.connect(new SecondTransport(url, bearer))
  try {
    return await Promise.all([
      watched('sdk 1', (onprogress) => first.callTool(call, undefined, { ...options, onprogress })),
      watched('client 2, 2025-11-25', (onprogress) => older.callTool(call, { ...options, onprogress })),
      watched('client 2, 2026-07-28', (onprogress) => modern.callTool(call, { ...options, onprogress })),
    ])
  } finally {
    for (const client of [first, older, modern]) await client.close()
  }
}

async function watched(client: string, call: Caller): Promise<LongCall> {
  const told: Told[] = []
  try {
    const result = (await call((one) => told.push(one))) as { structuredContent?: { exit_code?: unknown } }
    const rising = told.every(({ progress }, i) => i === 0 || progress > (told[i - 1]?.progress ?? 0))
    const lines = told.filter(({ message }) => /^line \d+$/.test(message ?? '')).length
    const problem =
      result.structuredContent?.exit_code !== 0
        ? `it answered ${JSON.stringify(result).slice(0, 300)}`
        : told.length < SECONDS || !rising || lines < SECONDS / 2
          ? `${told.length} notifications, ${rising ? '' : 'not '}rising, ${lines} with the last line of output`
          : undefined
    return { client, problem, notifications: told.length }
  } catch (error) {
    return { client, problem: String(error), notifications: told.length }
  }
}
