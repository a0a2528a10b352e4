// Clients of terminals: each makes one that prints numbered lines, reads it on /ws, and after a cut comes back with its
// offset, or without one.

import { once } from 'node:events'
import type { WebSocket } from 'ws'
import type { Client } from '../client.ts'
import { printing, Segments, tagOf } from '../content.ts'
import type { Gap } from '../history.ts'

const PAUSE_MS = 300
/** Terminals of one start of the daemon at most: ids are given again after 255. */
const MOST_TERMINALS = 100
/** Time of silence after which the client asks for the state: an exit missed in a cut is not told again. */
const SILENCE_MS = 8000

/** Time to wait for frames after an exit, which would be a fault. */
const AFTER_EXIT_MS = 50

let terminals = 0

interface Terminal {
  readonly tag: string
  readonly id: string
  readonly epoch: number
  ended: boolean
  /** Offset behind the last byte that came. */
  offset: number
}

export async function useTerminals(client: Client): Promise<void> {
  let made = { epoch: 0, count: 0 }
  while (!client.signal.aborted) {
    if (made.epoch !== client.subject.epoch) made = { epoch: client.subject.epoch, count: 0 }
    const terminal = made.count++ < MOST_TERMINALS ? await create(client) : undefined
    while (terminal !== undefined && !terminal.ended && terminal.epoch === client.subject.epoch) {
      if (client.signal.aborted) break
      await connectOnce(client, terminal)
    }
    await client.think(PAUSE_MS)
  }
}

async function create(client: Client): Promise<Terminal | undefined> {
  const { random } = client
  const tag = tagOf('t', ++terminals)
  const [batches, lines, code] = [3 + random.below(5), 200 + random.below(4000), random.below(100)]
  const steps = Array.from({ length: batches }, (_, n) => `${printing(tag, n * lines + 1, (n + 1) * lines)}; sleep 0.2`)
  const answer = await client.ask('POST', '/terminals', {
    json: { command: ['sh', '-c', `${steps.join('; ')}; exit ${code}`], cols: 80, rows: 24 },
  })
  if (answer === undefined) return undefined
  const { begin, end, outcome, status, epoch } = answer
  const known = outcome === 'acknowledged' && epoch !== undefined ? { id: String(answer.body.id), epoch } : undefined
  client.history.add({
    type: 'terminal',
    client: client.name,
    tag,
    lines: batches * lines,
    code,
    begin,
    end,
    outcome,
    status,
    ...known,
  })
  return known === undefined ? undefined : { tag, ...known, ended: false, offset: 0 }
}

/** Frames that one connection received of one terminal. */
class Reading {
  readonly segments = new Segments()
  readonly gaps: Gap[] = []
  readonly exits: { readonly code: number; readonly offset: number }[] = []
  /** True once its first offset is known. */
  begun = false
  readonly #id: string

  constructor(id: string) {
    this.#id = id
  }

  take(message: Buffer, binary: boolean): void {
    if (binary) {
      if (message[0] === Number(this.#id)) this.segments.add(message.subarray(1))
      return
    }
    const frame = JSON.parse(message.toString()) as Frame // our own daemon's; the checker judges
    if (frame.channel !== 'terminal' || frame.id !== this.#id) return
    if (frame.type === 'replay') this.#begin(frame.from)
    if (frame.type === 'gap') {
      this.gaps.push({ from: frame.from, to: frame.to })
      this.segments.moveTo(frame.to)
    }
    if (frame.type === 'exit') this.exits.push({ code: frame.code, offset: this.segments.position })
  }

  #begin(from: number): void {
    this.begun = true
    this.segments.moveTo(from)
  }
}

interface Frame {
  readonly channel: string
  readonly type: string
  readonly id?: string
  readonly from: number
  readonly to: number
  readonly code: number
}

/** Reads one connection, until the terminal's exit, the cut, or long silence. */
async function connectOnce(client: Client, terminal: Terminal): Promise<void> {
  const resumes = client.random.below(3) > 0
  const since = resumes ? terminal.offset : undefined
  const came = new Reading(terminal.id)
  let changed = (): void => undefined
  const channel = await client.channel(`mode=shared${resumes ? `&since=${terminal.id}:${since}` : ''}`, (...frame) => {
    came.take(...frame)
    changed()
  })
  if (channel === undefined) return
  // Another start of the daemon: its terminal of the same number is another one.
  if (client.subject.epoch !== terminal.epoch) return channel.terminate()
  await over(client, channel, came, (listener) => (changed = listener))
  if (!came.begun) return
  const { gaps, exits } = came
  terminal.offset = came.segments.position
  terminal.ended = exits.length > 0
  client.history.add({
    type: 'terminal-seen',
    tag: terminal.tag,
    at: performance.now(),
    gaps,
    exits,
    segments: came.segments.end(),
    ...(since === undefined ? {} : { since }),
  })
}

/** Waits for the exit and what may follow it, or for the end of the connection. */
async function over(
  client: Client,
  channel: WebSocket,
  came: Reading,
  onChange: (listener: () => void) => void,
): Promise<void> {
  const quiet = setTimeout(() => channel.terminate(), SILENCE_MS)
  const leave = (): void => void (came.exits.length > 0 && setTimeout(() => channel.terminate(), AFTER_EXIT_MS))
  onChange(() => {
    quiet.refresh()
    leave()
  })
  leave()
  const end = (): void => channel.terminate()
  client.signal.addEventListener('abort', end)
  if (channel.readyState === channel.OPEN) await once(channel, 'close')
  client.signal.removeEventListener('abort', end)
  clearTimeout(quiet)
}
