// The answer to one POST as a stream of server-sent events. It opens when the engine has something to say
// ahead of the answer, or when the answer takes longer than a second; until then the answer is plain JSON.
// No event ids: nothing is kept for a client that comes back. A client that leaves or
// takes nothing is no event of ours: what is written to it then is dropped.

import type { ServerResponse } from 'node:http'
import { jsonOf } from '../../base/json-text.ts'
import { sendPieces } from '../reply.ts'
import type { Reply } from './json-rpc.ts'
import { LATE_MS, type Notification, type Outlet } from './outlet.ts'
import { wirePieces } from './wire.ts'

/** Clients and proxies cut idle streams, many after 60 s. */
const KEEP_ALIVE_MS = 15_000
/** Unsent bytes beyond which notifications are dropped: they only tell what is going on, or are told again. */
const UNSENT = 1024 * 1024

const STREAM = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const

export class ReplyStream implements Outlet, Disposable {
  readonly #response: ServerResponse
  readonly #headers: Readonly<Record<string, string>>
  readonly #accepted: boolean
  #late: NodeJS.Timeout | undefined
  #keepAlive: NodeJS.Timeout | undefined
  #opened = false

  /** `accepted`: the caller takes an event stream. */
  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>, accepted: boolean) {
    this.#response = response
    this.#headers = headers
    this.#accepted = accepted
  }

  get streams(): boolean {
    return this.#accepted && !this.#response.destroyed
  }

  get opened(): boolean {
    return this.#opened
  }

  offer(): void {
    if (this.streams) this.#late ??= setTimeout(() => this.open(), LATE_MS)
  }

  open(): void {
    if (this.#opened || !this.streams) return
    this.#opened = true
    const response = this.#response
    response.writeHead(200, { ...STREAM, ...this.#headers })
    response.flushHeaders()
    const comment = (): void => void (response.destroyed || response.write(': working\n\n'))
    comment()
    this.#keepAlive = setInterval(comment, KEEP_ALIVE_MS)
    response.once('close', () => this[Symbol.dispose]())
  }

  send(message: Notification): boolean {
    this.open()
    const response = this.#response
    if (!this.#opened || response.destroyed || response.writableLength > UNSENT) return false
    response.write(`event: message\ndata: ${jsonOf(message)}\n\n`)
    this.#keepAlive?.refresh()
    return true
  }

  /** The answer, which is the last event. Only on an open stream. */
  async end(reply: Reply): Promise<void> {
    this[Symbol.dispose]()
    if (!this.#response.destroyed) await sendPieces(this.#response, lastEvent(reply))
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#late)
    clearInterval(this.#keepAlive)
  }
}

/** JSON has no line breaks of its own, so one `data` line holds it, however long. */
function* lastEvent(reply: Reply): Generator<string | Uint8Array> {
  yield 'event: message\ndata: '
  yield* wirePieces(reply)
  yield '\n\n'
}
