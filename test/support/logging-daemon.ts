// Starts a daemon that logs each request, behind a shell that redirects its log, and sends requests that fill the log.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { COMMAND, TOKEN } from './daemon.ts'
import { until } from './until.ts'

/** Paths are logged, and a head may have 16 KiB. */
const LONG_PATH = `/${'x'.repeat(14_000)}`

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

const authorization = `Bearer ${TOKEN}`

/** Requests that log `bytes` in all. */
export async function flood(url: string, bytes: number): Promise<void> {
  const each = async (): Promise<void> => {
    for (let left = bytes / 8; left > 0; left -= LONG_PATH.length) {
      await (await fetch(url + LONG_PATH, { headers: { authorization } })).arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: 8 }, each))
}

export interface Detail {
  readonly memory: { readonly anonymous_bytes: number }
  readonly lost: { readonly log_lines_dropped: number }
}

export const detail = async (url: string): Promise<Detail> =>
  (await (await fetch(`${url}/health/detail`, { headers: { authorization } })).json()) as Detail

/** A daemon behind a shell, which says where its stderr goes; the test cannot read it. */
export async function startBehind(t: Test, script: string): Promise<{ url: string; shell: ChildProcess }> {
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
