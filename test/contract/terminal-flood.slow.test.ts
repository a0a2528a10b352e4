// 300 MB through a terminal and /ws: the same bytes arrive, and the daemon's memory stays where it was, also
// while the client reads nothing for 10 s.

import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startDaemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'
import { view } from '../support/viewer.ts'

const BYTES = 300_000_000
const SOURCE = `seq 1 40000000 | head -c ${BYTES}`
const MEBIBYTE = 1024 * 1024
/** Issue, show 2. */
const GROWTH = 32 * MEBIBYTE
const STOP_MS = 10_000

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

t.jobs = 2 // while one client stands still, the other is served by a daemon of its own

let expected = ''
t.before(() => {
  expected = execFileSync('sh', ['-c', `${SOURCE} | sha256sum`], { encoding: 'utf8' }).slice(0, 64)
})

/** Calls `during` with the bytes that have come so far, once a piece. */
async function flood(t: Test, during: (socket: { pause(): void; resume(): void }, bytes: number) => void) {
  const daemon = await startDaemon(t)
  const viewer = await view(t, `ws://127.0.0.1:${daemon.port}/ws`)
  const command = ['sh', '-c', `stty raw -echo; echo ready; read go; ${SOURCE}`]
  const created = await daemon.call('POST', '/terminals', { cmd: command })
  t.equal(created.status, 201)
  const id = Number(created.body.id)
  // The first terminal starts the thread that reads them all; what counts is what passes through it.
  await until('it is ready', () => viewer.text(id) === 'ready\n')
  const hash = createHash('sha256')
  let bytes = 0
  let peak = 0
  let looked = 0
  const before = residentBytes(daemon.pid)
  const look = (): number => (peak = Math.max(peak, residentBytes(daemon.pid)))
  viewer.onOutput = (_, piece) => {
    hash.update(piece)
    bytes += piece.length
    if (bytes - looked > 4 * MEBIBYTE) {
      looked = bytes
      look()
      viewer.frames.length = 0
    }
    during(viewer.socket, bytes)
  }
  viewer.type(id, '\n')
  await until('its end', () => viewer.of('exit', id).length > 0, 100_000)
  t.equal(bytes, BYTES)
  t.equal(hash.digest('hex'), expected)
  const growth = look() - before
  t.ok(growth <= GROWTH, `${Math.round(growth / MEBIBYTE)} MiB more, at most ${GROWTH / MEBIBYTE}`)
}

t.test('P-01 300 MB arrive whole', { buffered: true }, async (t) => {
  await flood(t, () => undefined)
})

t.test('P-01 300 MB arrive whole at a client that reads nothing for 10 s', { buffered: true }, async (t) => {
  let stopped = false
  await flood(t, (socket, bytes) => {
    if (stopped || bytes < BYTES / 3) return
    stopped = true
    socket.pause()
    void pause(STOP_MS).then(() => socket.resume())
  })
})
