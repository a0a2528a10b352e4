// Issue 3, show 2: what a program writes to its terminal in bulk arrives at /ws as the same bytes, and the
// daemon's memory stays where it was, also while the viewer stops reading. BULK_MEGABYTES=300 and
// BULK_STOP_SECONDS=10 are the sizes of the issue; the usual ones are smaller, to be quick.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { digestOf } from '../support/byte-source.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'
import { view, type Viewer } from '../support/viewer.ts'

const BYTES = Number(process.env['BULK_MEGABYTES'] ?? 100) * 1_000_000
const STOP_MS = Number(process.env['BULK_STOP_SECONDS'] ?? 3) * 1000
/** Before memory is looked at: code is compiled, buffers and the collector have found their sizes. */
const WARM_UP_BYTES = 10_000_000
const MEBIBYTE = 1024 * 1024
const GROWTH = 32 * MEBIBYTE
const SAMPLE_MS = 100
/** For a machine that does other things too. */
const PATIENCE_MS = 100_000

const program = join(import.meta.dirname, '../support/byte-source.ts')

t.setTimeout(3 * PATIENCE_MS)

/** Memory that is neither a file's nor shared. */
const anonymous = ({ pid }: Daemon): number =>
  Number(/^Anonymous:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) * 1024

/** The most it was between now and the end of the scope. */
function watchMemory(daemon: Daemon): Disposable & { readonly peak: () => number } {
  let peak = 0
  const look = (): number => (peak = Math.max(peak, anonymous(daemon)))
  const clock = setInterval(() => {
    if (daemon.process.exitCode === null && daemon.process.signalCode === null) look()
  }, SAMPLE_MS)
  return { peak: look, [Symbol.dispose]: () => clearInterval(clock) }
}

/** Runs the program in a terminal; `each` is called with the bytes so far, once a piece. The digest of what came. */
async function receive(daemon: Daemon, viewer: Viewer, bytes: number, each?: (so: number) => void): Promise<string> {
  const hash = createHash('sha256')
  let so = 0
  viewer.onOutput = (_, piece) => {
    hash.update(piece)
    so += piece.length
    viewer.frames.length = 0
    each?.(so)
  }
  const line = `stty raw -echo; exec '${process.execPath}' '${program}' ${bytes}`
  const { status, body } = await daemon.call('POST', '/terminals', { cmd: ['sh', '-c', line] })
  if (status !== 201) throw new Error(JSON.stringify(body))
  const exit = () => viewer.of('exit', body.id)[0]
  await until('its exit', () => exit() !== undefined, PATIENCE_MS)
  if (exit()?.code !== 0 || so !== bytes) throw new Error(`exit code ${exit()?.code} after ${so} bytes`)
  return hash.digest('hex')
}

async function bulk(t: Test, each: (viewer: Viewer, so: number) => void): Promise<void> {
  const daemon = await startDaemon(t)
  const viewer = await view(t, `ws://127.0.0.1:${daemon.port}/ws`)
  await receive(daemon, viewer, WARM_UP_BYTES)
  const before = anonymous(daemon)
  using memory = watchMemory(daemon)
  const digest = await receive(daemon, viewer, BYTES, (so) => each(viewer, so))
  const growth = memory.peak() - before
  t.equal(digest, digestOf(BYTES), `${BYTES} bytes are those that were written`)
  t.ok(growth <= GROWTH, `${(growth / MEBIBYTE).toFixed(1)} MiB more, of ${GROWTH / MEBIBYTE} at most`)
}

t.test(`P-01 ${BYTES / 1e6} MB arrive whole, in constant memory`, { timeout: PATIENCE_MS + 10_000 }, async (t) => {
  await bulk(t, () => undefined)
})

t.test(
  `P-01 the same at a viewer that reads nothing for ${STOP_MS / 1000} s`,
  { timeout: PATIENCE_MS + 10_000 },
  async (t) => {
    let stopped = false
    await bulk(t, ({ socket }, so) => {
      if (stopped || so < BYTES / 3) return
      stopped = true
      socket.pause()
      void pause(STOP_MS).then(() => socket.resume())
    })
    t.ok(stopped, 'it stopped')
  },
)
