// F-06 over HTTP: the daemon dies by kill -9 while it writes. Each file has its
// old bytes or its new ones, what was acknowledged is there, and the next start leaves no temporary file.

import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { seeded } from '../support/random.ts'
import { until } from '../support/until.ts'

/** Writes that must have been cut off. */
const CUT_OFF = 200
/** Each has a writer that is never without a write under way, so that a kill cuts off one write of each. */
const FILES = 10
const BYTES = 8 * 1024 * 1024
/** The writers go on for so long at most: some have replaced their file then, some have not yet (ms). */
const LATEST = 1500
const SEED = Math.floor(Math.random() * 2 ** 32)

/** What a file has, by the number of the write; 0: it does not exist. */
const contentOf = (file: number, write: number): Buffer => Buffer.alloc(BYTES, `file ${file} write ${write} `)

interface Writer {
  readonly path: string
  readonly file: number
  /** The last one that was acknowledged, or was found after a kill. */
  standing: number
  begun: number
}

/** Writes again and again, in turns by PUT and by files/write, until the connection is cut. */
async function writeOn(daemon: Daemon, writer: Writer): Promise<void> {
  for (;;) {
    const write = ++writer.begun
    const content = contentOf(writer.file, write)
    const answer =
      (writer.file + write) % 2 === 0 ? putRaw(daemon, writer, content) : writeJson(daemon, writer, content)
    const status = await answer.then(
      (reply) => reply.status,
      () => 'cut' as const,
    )
    if (status === 'cut') return
    if (status === 503) {
      writer.begun-- // JSON bodies share a room: this one was refused, and nothing was begun
      continue
    }
    if (status !== 201) throw new Error(`${writer.path}: ${status}`)
    writer.standing = write
  }
}

const putRaw = (daemon: Daemon, { path }: Writer, content: Buffer) =>
  daemon.call('PUT', `/files/raw?path=${encodeURIComponent(path)}`, content)

const writeJson = (daemon: Daemon, { path }: Writer, content: Buffer) =>
  daemon.call('POST', '/files/write', { path, content: content.toString('latin1') })

function holds({ path, file }: Writer, write: number): boolean {
  try {
    return readFileSync(path).equals(contentOf(file, write))
  } catch {
    return write === 0
  }
}

t.test(`F-06 killed while writing (seed ${SEED})`, async (t) => {
  const random = seeded(SEED)
  const dir = t.testdir({ work: {}, state: {} })
  const env = { XDG_STATE_HOME: join(dir, 'state') }
  const writers = Array.from({ length: FILES }, (_, file): Writer => {
    return { path: join(dir, 'work', `file-${file}`), file, standing: 0, begun: 0 }
  })
  const strays = (): string[] => readdirSync(join(dir, 'work')).filter((name) => !/^file-\d+$/.test(name))
  const tally = { cutOff: 0, swept: 0, old: 0, new: 0 }
  for (let round = 0; tally.cutOff < CUT_OFF; round++) {
    const daemon = await startDaemon(t, { env })
    t.same(strays(), [], 'swept at the start')
    const fresh = writers[round % FILES]
    if (fresh !== undefined) rmSync(fresh.path, { force: true })
    if (fresh !== undefined) fresh.standing = 0
    const writing = writers.map((writer) => writeOn(daemon, writer))
    await until('something is being written', () => strays().length > 0)
    await pause(random.next() * LATEST) // the moment of death
    await daemon.stop('SIGKILL')
    await Promise.all(writing)
    tally.swept += strays().length
    for (const writer of writers) {
      const isNew = holds(writer, writer.begun)
      if (!isNew && !holds(writer, writer.standing)) t.fail(`round ${round}: ${writer.path} is neither old nor new`)
      tally[isNew ? 'new' : 'old']++
      if (isNew) writer.standing = writer.begun
      tally.cutOff++
    }
  }
  const last = await startDaemon(t, { env })
  t.same(strays(), [], 'nothing is left')
  t.equal(await last.stop(), 0)
  const journals = readdirSync(join(dir, 'state/workspace-runtime')).filter((name) => name.endsWith('.journal'))
  t.same(journals, [], 'nor in the journal')
  t.comment(JSON.stringify(tally))
})
