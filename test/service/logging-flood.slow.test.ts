// Readers of the log that take nothing, whatever the daemon says: it serves, in bounded memory (reliability C-07).

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { COMMAND, TOKEN } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
/** Paths are logged, and a head may have 16 KiB. */
const LONG_PATH = `/${'x'.repeat(14_000)}`

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

const authorization = `Bearer ${TOKEN}`

/** Requests that log `bytes` in all. */
async function flood(url: string, bytes: number): Promise<void> {
  const each = async (): Promise<void> => {
    for (let left = bytes / 8; left > 0; left -= LONG_PATH.length) {
      await (await fetch(url + LONG_PATH, { headers: { authorization } })).arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: 8 }, each))
}

interface Detail {
  readonly memory: { readonly anonymous_bytes: number }
  readonly lost: { readonly log_lines_dropped: number }
}

const detail = async (url: string): Promise<Detail> =>
  (await (await fetch(`${url}/health/detail`, { headers: { authorization } })).json()) as Detail

/** A daemon behind a shell, which says where its stderr goes; the test cannot read it. */
async function startBehind(t: Test, script: string): Promise<{ url: string; shell: ChildProcess }> {
  const port = await freePort()
  const home = t.testdir()
  const args = ['--port', String(port), '--access-log']
  const shell = spawn('sh', ['-c', script, 'sh', ...COMMAND, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: home, RUNTIME_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  t.teardown(() => process.kill(-(shell.pid ?? 0), 'SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  const answers = async () => (await fetch(`${url}/health`).catch(() => undefined))?.status === 200
  await until('it serves', answers)
  return { url, shell }
}

for (const [reader, script] of [
  ['a pipe that nobody reads', '"$@" 2>&1 >/dev/null | sleep 1000'],
  ['a full disk', 'exec "$@" 2>/dev/full'],
  ['stdout and stderr closed', 'exec "$@" >&- 2>&-'],
] as const) {
  t.test(`C-07 events without end into ${reader}: it serves, in bounded memory`, async (t) => {
    const { url } = await startBehind(t, script)
    await flood(url, 4 * MIB)
    const before = await detail(url)
    await flood(url, 40 * MIB)
    const after = await detail(url)
    t.equal((await fetch(`${url}/health`)).status, 200)
    if (!reader.includes('closed')) t.ok(after.lost.log_lines_dropped > 1000, 'what is lost is counted')
    const grown = (after.memory.anonymous_bytes - before.memory.anonymous_bytes) / MIB
    t.ok(grown < 40, `${grown.toFixed(1)} MiB more`)
  })
}
