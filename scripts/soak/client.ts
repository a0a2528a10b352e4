// One client of the soak: it keeps a connection and now and then cuts it in the middle of an answer, as a killed client
// does. It counts the answers, and keeps wrong ones for the report.

import { Agent, request, type IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { TOKEN } from '../../test/support/daemon.ts'
import type { Random } from '../../test/support/random.ts'
import type { Subject } from './subject.ts'

const AUTHORIZATION = { authorization: `Bearer ${TOKEN}` }
/** Number of requests of which the client gives up one. */
const CUT_ONE_IN = 25
const LATEST_CUT_MS = 40
/** Longest time for an answer. */
const PATIENCE_MS = 60_000
const MOST_KEPT = 50
/** Statuses of requests that the daemon cannot understand: such a request tests nothing. */
const MEANINGLESS: ReadonlySet<number> = new Set([400, 401, 403, 405, 415])

export interface Answer {
  /** Status; 0 if the client cut the answer. */
  readonly status: number
  readonly bytes: Buffer
  // oxlint-disable-next-line typescript/no-explicit-any -- replies are of any shape; the work knows what it asked for
  readonly body: any
}

/** Counts of all clients. */
export class Tally {
  requests = 0
  cut = 0
  /** Number of 503 and 507: refusals that chaos brings about. */
  refused = 0
  readonly wrong: string[] = []
  wrongs = 0

  note(what: string): void {
    this.wrongs++
    if (this.wrong.length < MOST_KEPT) this.wrong.push(what.slice(0, 500))
  }
}

export class Client implements Disposable {
  readonly name: string
  readonly random: Random
  readonly subject: Subject
  readonly tally: Tally
  readonly signal: AbortSignal
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 })

  constructor(parts: Pick<Client, 'name' | 'random' | 'subject' | 'tally' | 'signal'>) {
    this.name = parts.name
    this.random = parts.random
    this.subject = parts.subject
    this.tally = parts.tally
    this.signal = parts.signal
  }

  /** Sends a request that may be cut. Never rejects. */
  async ask(method: string, path: string, body?: object | Buffer): Promise<Answer> {
    return await this.#ask(method, path, body, this.random.below(CUT_ONE_IN) === 0)
  }

  /** Sends a request that is never cut: the caller knows what it made and can remove it. */
  async make(method: string, path: string, body?: object | Buffer): Promise<Answer> {
    return await this.#ask(method, path, body, false)
  }

  async #ask(method: string, path: string, body: object | Buffer | undefined, cut: boolean): Promise<Answer> {
    this.tally.requests++
    const limit = cut ? this.random.below(LATEST_CUT_MS) : PATIENCE_MS
    const parts: Buffer[] = []
    let status = 0
    try {
      const response = await this.#send(method, path, body, AbortSignal.timeout(limit))
      for await (const part of response) parts.push(part as Buffer) // no encoding is set
      status = response.statusCode ?? 0
    } catch (error) {
      if (cut) this.tally.cut++
      else if (!this.signal.aborted) this.tally.note(`${this.name}: ${method} ${path}: ${String(error)}`)
      return { status: 0, bytes: Buffer.alloc(0), body: {} }
    }
    const bytes = Buffer.concat(parts)
    if (status === 503 || status === 507) this.tally.refused++
    else if (status >= 500 || MEANINGLESS.has(status))
      this.tally.note(`${this.name}: ${method} ${path}: ${status} ${bytes.toString()}`)
    return { status, bytes, body: parsed(bytes) }
  }

  async #send(
    method: string,
    path: string,
    body: object | Buffer | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const type = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json'
    const headers = { ...AUTHORIZATION, 'content-type': type, accept: 'application/json, text/event-stream' }
    const where = { host: '127.0.0.1', port: this.subject.port, agent: this.#agent, signal }
    const asked = request({ ...where, method, path, headers })
    asked.on('error', reject).once('response', resolve)
    asked.end(body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body))
    return await promise
  }

  /** Opens a socket of /ws, or returns undefined if that fails. */
  async socket(take: (message: Buffer, binary: boolean) => void): Promise<WebSocket | undefined> {
    this.tally.requests++
    const url = `ws://127.0.0.1:${this.subject.port}/ws?mode=shared`
    const socket = new WebSocket(url, { headers: AUTHORIZATION, handshakeTimeout: PATIENCE_MS })
    const { promise, resolve } = Promise.withResolvers<boolean>()
    socket.on('message', take)
    socket.once('open', () => resolve(true))
    socket.on('error', () => resolve(false))
    if (await promise) return socket
    if (!this.signal.aborted) this.tally.note(`${this.name}: no socket`)
    return undefined
  }

  /** Notes a report line if `so` is false. */
  expect(so: boolean, what: string): void {
    if (!so) this.tally.note(`${this.name}: ${what}`)
  }

  /** Waits for some time, as clients do. */
  async think(ms: number): Promise<void> {
    await pause(this.random.next() * ms, undefined, { signal: this.signal }).catch(() => undefined)
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

function parsed(bytes: Buffer): Answer['body'] {
  try {
    return Object(JSON.parse(bytes.toString()))
  } catch {
    return {}
  }
}
