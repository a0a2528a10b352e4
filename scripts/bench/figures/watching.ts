// Figure 7: a watcher over the tree of 10,421 directories. The time until it is ready, against `inotifywait -r` over
// the same; the memory that it adds; and the time from a write to its frame on /ws, the 50 ms window included.

import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from '../c-program.ts'
import { floorOf, interleaved, measured, type Bench, type Row } from '../figure.ts'
import { end, output, start } from '../processes.ts'
import { memoryOf, openSubject, TOKEN, type Subject } from '../subject.ts'

const ROUNDS = 5
const WRITES = 60

interface Floor {
  readonly name: string
  /** Resolves with the milliseconds from its start until everything is watched. */
  readonly ready: () => Promise<number>
}

export async function watching({ print, tree }: Bench): Promise<Row[]> {
  const { path } = tree()
  using c = await compile('watch-tree.c')
  const floor = await floorFor(path, c.path)
  await using subject = await openSubject()
  const { pid } = subject
  await subject.call('GET', '/watchers')
  const before = memoryOf(pid, 'smaps_rollup', 'Anonymous')
  const first = await create(subject, path)
  const grown = memoryOf(pid, 'smaps_rollup', 'Anonymous') - before
  print(`a watcher over ${first.dirs} directories`)
  const latencies = await writes(subject, path)
  await subject.call('DELETE', `/watchers/${first.id}`)
  const samples = await interleaved(ROUNDS, {
    ours: async () => {
      const { id, ms } = await create(subject, path)
      await subject.call('DELETE', `/watchers/${id}`)
      return ms
    },
    bare: async () => floor?.ready() ?? Number.NaN,
  })
  const ready = { figure: '7', measure: 'watcher over 10,421 directories, until ready', unit: 'ms' }
  const rows: Row[] = [
    { figure: '7', measure: 'anonymous memory added by it', ours: grown, unit: 'MiB', hold: { atMost: 40 } },
    {
      figure: '7',
      measure: 'from a write to its frame, p50',
      ...measured(latencies),
      unit: 'ms',
      hold: { atMost: 55 },
    },
  ]
  if (floor === undefined) print('neither inotifywait nor gcc is here: no floor for the time until ready')
  else
    rows.unshift({ ...ready, ...measured(samples.ours), floor: floorOf(floor.name, samples.bare), hold: { atMost: 2 } })
  return rows
}

async function create(subject: Subject, path: string): Promise<{ id: string; dirs: number; ms: number }> {
  const began = performance.now()
  const reply = JSON.parse(await subject.call('POST', '/watchers', { path })) as { id: string; dirs: number }
  return { ...reply, ms: performance.now() - began }
}

async function floorFor(path: string, program: string | undefined): Promise<Floor | undefined> {
  try {
    await output('inotifywait', ['--help'], [0, 1]) // 1 in older versions
    return { name: 'inotifywait -r', ready: () => armed('inotifywait', ['-m', '-r', path]) }
  } catch {
    return program === undefined ? undefined : { name: 'C nftw, add_watch', ready: () => armed(program, [path]) }
  }
}

/** Runs a program until it says that everything is watched. */
async function armed(command: string, args: readonly string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const began = performance.now()
  const child = start(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (text.includes('Watches established')) resolve()
  })
  child.once('close', () => reject(new Error(`${command} ended: ${text}`)))
  await promise
  const ms = performance.now() - began
  await end(child)
  return ms
}

/** Resolves with the milliseconds from each of a number of writes, one after the other, to its frame. */
async function writes({ port }: Subject, path: string): Promise<number[]> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?token=${TOKEN}`)
  await once(socket, 'open')
  let told: ((path: string) => void) | undefined
  socket.addEventListener('message', ({ data }) => {
    const frame = JSON.parse(String(data)) as { type?: string; path?: string } // the daemon's own
    if (frame.type === 'change') told?.(frame.path ?? '')
  })
  const samples: number[] = []
  try {
    for (let i = 0; i < WRITES; i++) {
      const entry = files[Math.floor((i * files.length) / WRITES)]
      if (entry === undefined) throw new Error('the tree has no files')
      const file = join(entry.parentPath, entry.name)
      const { promise, resolve } = Promise.withResolvers<void>()
      told = (changed) => {
        if (changed === file) resolve()
      }
      const began = performance.now()
      writeFileSync(file, `written ${i}`)
      await promise
      samples.push(performance.now() - began)
    }
  } finally {
    socket.close()
  }
  return samples
}
