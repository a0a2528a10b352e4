// Answers one POST with a stream of server-sent events. It opens when the engine has a message ahead of the answer, or
// when the answer takes longer than a second; until then the answer is plain JSON. Events have no ids: the daemon keeps
// nothing for a client that comes back. Bytes for a client that leaves or takes nothing are dropped; that is no error.

import type { ServerResponse } from 'node:http'
import { jsonOf } from '../../../base/json-text.ts'
import { HEARTBEAT_MS } from '../../patience.ts'
import { sendPieces } from '../../reply.ts'
import { type Reply, type RequestId, type Params, isObject } from './json-rpc.ts'
import { wirePieces } from './wire.ts'

/** Unsent bytes above which notifications are dropped: they only report progress, or are told again. */
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

  /** `accepted`: true if the caller takes an event stream. */
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

  /** Sends the answer as the last event. Only for an open stream. */
  async end(reply: Reply): Promise<void> {
    this[Symbol.dispose]()
    if (!this.#response.destroyed) await sendPieces(this.#response, lastEvent(reply))
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#late)
    clearInterval(this.#keepAlive)
  }
}

/** Yields the last event. JSON has no line breaks, so one `data` line holds it, however long. */
function* lastEvent(reply: Reply): Generator<string | Uint8Array> {
  yield 'event: message\ndata: '
  yield* wirePieces(reply)
  yield '\n\n'
}

/** Time, in ms, within which an answer is plain JSON. */
export const LATE_MS = 1000

interface Notification {
  readonly jsonrpc: '2.0'
  readonly method: string
  readonly params: object
}

/** A question of the daemon to a client of the older revisions; its id is the daemon's too. */
export interface Question extends Notification {
  readonly id: RequestId
}

/**
 * Messages ahead of an answer: notifications and questions. The engine writes to it; ReplyStream sends to the socket.
 */
export interface MessageOutlet {
  /** False if the caller takes no event stream, or has left: then only the answer reaches it. */
  readonly streams: boolean
  /** Allows the answer to become a stream: it does when it takes longer than a second. */
  offer(): void
  /** Makes the answer a stream at once. Has no effect if the caller takes none. */
  open(): void
  /** Sends a message and opens the stream; false if the message did not leave. */
  send(message: Notification): boolean
}

export function notification(method: string, params: object): Notification {
  return { jsonrpc: '2.0', method, params }
}

/**
 * Progress of one call, for a caller that gave a token: a notification once the call takes longer than a second, then
 * at least one a second, with a rising value. A shorter call sends none, so that its answer can be plain JSON, which no
 * client bounds as it does an event. A call that reports nothing still shows that it is alive: clients wait longer
 * after each notification.
 */
export interface Progress extends Disposable {
  /** Registers the function that says how far the call is; it is called for each notification. */
  report(standing: () => string | undefined): void
  /** Reports a step of a known number at once; from then on only steps are reported. */
  step(done: number, total: number, message?: string): void
}

type ProgressToken = string | number

/** Time between notifications, in ms: below a second, so that a late timer still keeps it. */
const TICK_MS = 800
/** Longest message, in characters. */
const MESSAGE = 200

/** Returns the token of a request if it is fit to be echoed. */
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
