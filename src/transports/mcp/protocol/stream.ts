// The answer to one POST as a stream of server-sent events. It opens when the engine has something to say
// ahead of the answer, or when the answer takes longer than a second; until then the answer is plain JSON.
// No event ids: nothing is kept for a client that comes back. A client that leaves or
// takes nothing is no event of ours: what is written to it then is dropped.

import type { ServerResponse } from 'node:http'
import { jsonOf } from '../../../base/json-text.ts'
import { HEARTBEAT_MS } from '../../patience.ts'
import { sendPieces } from '../../reply.ts'
import { type Reply, type RequestId, type Params, isObject } from './json-rpc.ts'
import { wirePieces } from './wire.ts'

/** Unsent bytes beyond which notifications are dropped: they only tell what is going on, or are told again. */
const UNSENT = 1024 * 1024

const STREAM = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const

export class ReplyStream implements MessageOutlet, Disposable {
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
    this.#keepAlive = setInterval(comment, HEARTBEAT_MS)
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

// What leaves ahead of an answer: notifications, and questions to clients of the older revisions. The engine
// speaks to this; reply-stream.ts is the one that writes to a socket.

/** An answer within this time, in ms, is plain JSON. */
export const LATE_MS = 1000

interface Notification {
  readonly jsonrpc: '2.0'
  readonly method: string
  readonly params: object
}

/** A question of ours; its id is ours too. */
export interface Question extends Notification {
  readonly id: RequestId
}

export interface MessageOutlet {
  /** False where this caller takes no event stream, or has left: nothing but the answer reaches it. */
  readonly streams: boolean
  /** From now on the answer may become a stream: it does when it takes longer than a second. */
  offer(): void
  /** Makes the answer a stream, at once. Nothing happens where the caller takes none. */
  open(): void
  /** Sends a message, opening the stream; false where it did not leave. */
  send(message: Notification): boolean
}

export function notification(method: string, params: object): Notification {
  return { jsonrpc: '2.0', method, params }
}

// Progress of one call, for a caller who gave a token: a notification once the call takes longer than a second, and
// then at least one a second, with a value that only rises. Before that there is none, so that the answer of a short
// call can be plain JSON, which no client bounds as it does an event. A call that says nothing of itself still shows
// that it is alive: clients prolong their patience with each notification.

export interface Progress extends Disposable {
  /** Takes what says where the call stands; it is asked for each notification. */
  report(standing: () => string | undefined): void
  /** A step of a known number, told at once; from then on only steps are told. */
  step(done: number, total: number, message?: string): void
}

type ProgressToken = string | number

/** Below a second, so that a timer which is late still keeps it. */
const TICK_MS = 800
/** Longest message, in characters. */
const MESSAGE = 200

/** The token of a request, if it has one that is fit to be echoed. */
export function progressToken(params: Params): ProgressToken | undefined {
  const token = isObject(params['_meta']) ? params['_meta']['progressToken'] : undefined
  return typeof token === 'string' || Number.isSafeInteger(token) ? (token as ProgressToken) : undefined
}

export function openProgress(token: ProgressToken, outlet: MessageOutlet): Progress {
  const began = performance.now()
  let standing = (): string | undefined => undefined
  let last = -1
  const tell = (progress: number, more: object): void => {
    if (progress <= last) return
    last = progress
    outlet.send(notification('notifications/progress', { progressToken: token, progress, ...more }))
  }
  const tick = (): void => {
    const message = standing()
    tell(Math.round(performance.now() - began) / 1000, message === undefined ? {} : { message: cut(message) })
  }
  let timer: NodeJS.Timeout | undefined
  const first = setTimeout(() => {
    tick()
    timer = setInterval(tick, TICK_MS)
  }, LATE_MS)
  const stop = (): void => {
    clearTimeout(first)
    clearInterval(timer)
  }
  return {
    report(told) {
      standing = told
    },
    step(done, total, text) {
      stop()
      tell(done, { total, ...(text === undefined ? {} : { message: cut(text) }) })
    },
    [Symbol.dispose]: stop,
  }
}

function cut(text: string): string {
  return text.length <= MESSAGE ? text : `${text.slice(0, MESSAGE - 1)}…`
}
