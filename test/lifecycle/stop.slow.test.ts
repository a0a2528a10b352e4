// SIGTERM in the middle of everything (C-01): 50 commands, 20 terminals, 10 uploads, 100 sockets, a watcher
// and a stream. No new work, what is short is finished and answered, sockets hear 1001, the rest is ended; exit code
// 0 within 15 s, and nothing of it is left: no process, no half file.

import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import t from 'tap'
import { WebSocket } from 'ws'
import { slowness } from '../../scripts/slowness.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const EXECS = 50
const TERMINALS = 20
const UPLOADS = 10
const SOCKETS = 100

const authorization = `Bearer ${TOKEN}`

/** Uploads that have sent half of what they announced; what became of each. */
function openUpload(daemon: Daemon, index: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const path = `/files/raw?path=${encodeURIComponent(`${daemon.directory}/uploads/${index}`)}&create_dirs=true`
  const headers = { authorization, 'content-length': 200_000 }
  const sent = request({ port: daemon.port, host: '127.0.0.1', method: 'PUT', path, headers })
  sent.on('response', (response) => resolve(String(response.resume().statusCode)))
  sent.on('error', () => resolve('cut'))
  sent.write(Buffer.alloc(100_000))
  return promise
}

function openSocket(daemon: Daemon): { opened: Promise<unknown>; closed: Promise<number> } {
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<number>()
  const socket = new WebSocket(`ws://127.0.0.1:${daemon.port}/ws?mode=shared`, { headers: { authorization } })
  socket.on('open', opened.resolve)
  socket.on('error', opened.reject)
  socket.on('close', closed.resolve)
  return { opened: opened.promise, closed: closed.promise }
}

/** Those who have the mark in their environment: all that the daemon has started. */
function alive(mark: string): number {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark)
    } catch {
      return false
    }
  }).length
}

t.test('C-01 SIGTERM with everything running', async (t) => {
  const mark = `STOP_TEST_${process.pid}`
  const config = { limits: { execs: 100, terminals: TERMINALS }, exec: { env: { MARK: mark } } }
  const daemon = await startDaemon(t, { config })
  // Half of them ignore the signal that asks.
  const commands = ['sleep 300 & sleep 300 & wait', 'trap "" TERM HUP; while :; do sleep 300; done'] as const
  for (let index = 0; index < EXECS; index++) {
    const command = ['sh', '-c', commands[index % 2]]
    t.equal((await daemon.call('POST', '/exec', { command, background: true })).status, 200)
  }
  for (let index = 0; index < TERMINALS; index++) {
    const command = ['sh', '-c', commands[index % 2]]
    t.equal((await daemon.call('POST', '/terminals', { command })).status, 201)
  }
  t.equal((await daemon.call('POST', '/watchers', { path: daemon.directory })).status, 201)
  const uploads = Array.from({ length: UPLOADS }, (_, index) => openUpload(daemon, index))
  await until('every upload has begun', () => {
    return names(`${daemon.directory}/uploads`).length === UPLOADS
  })
  const sockets = Array.from({ length: SOCKETS }, () => openSocket(daemon))
  await Promise.all(sockets.map(({ opened }) => opened))
  const short = daemon.call('POST', '/exec', { command: ['sh', '-c', 'sleep 1; echo finished'] })
  await until('the short one runs', async () => (await daemon.call('GET', '/exec')).body.tasks.length === EXECS + 1)
  const before = alive(mark)
  t.ok(before >= EXECS + TERMINALS, `${before} processes`)

  const began = performance.now()
  const stopped = daemon.stop('SIGTERM')
  await until('new calls are refused', async () => {
    const reply = await daemon.call('POST', '/exec', { command: ['true'] }).catch(() => undefined)
    return reply === undefined || reply.status === 503
  })
  t.match(await short, { status: 200, body: { stdout: 'finished\n' } }, 'what was running is answered')
  t.same(new Set(await Promise.all(sockets.map(({ closed }) => closed))), new Set([1001]))
  t.equal(await stopped, 0)
  t.ok(performance.now() - began < 15_000 * slowness(), `${Math.round(performance.now() - began)} ms`)
  for (const fate of await Promise.all(uploads)) t.notMatch(fate, /^2/)
  await until('no process is left', () => alive(mark) === 0)
  t.same(names(`${daemon.directory}/uploads`), [], 'and no half file')
})

function names(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
