// One client: it keeps its connections, can be killed at any moment (all of them are cut, with a reset or without), and
// then continues as a new one would. The result of a request is an answer, a cut, or nothing since no process listens.

import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { TOKEN } from '../../test/support/daemon.ts'
import type { Random } from '../../test/support/random.ts'
import type { Gate } from './gate.ts'
import type { Recorder, Outcome } from './history.ts'
import type { Subject } from './subject.ts'

const AUTHORIZATION = { authorization: `Bearer ${TOKEN}` }
/** Longest time that a client waits before it connects again after a refused connection. */
const KNOCK_MS = 100

export interface Answer {
  readonly outcome: Outcome
  readonly begin: number
  readonly end: number
  readonly status: number
  readonly bytes: Buffer
  // oxlint-disable-next-line typescript/no-explicit-any -- replies are of any shape; the checker judges what was kept of them
  readonly body: any
  /** Number of the daemon's start that answered; undefined if that is not known. */
  readonly epoch: number | undefined
}

export interface Sending {
  readonly json?: object
  /** Raw bytes, sent in this many pieces, with pauses between them. */
  readonly raw?: { readonly bytes: Buffer; readonly pieces: number }
}

export class Client {
  readonly name: string
  readonly random: Random
  readonly subject: Subject
  readonly history: Recorder
  /** Gate at which clients that change files wait. */
  readonly gate: Gate
  /** Ends the client's loop. */
  readonly signal: AbortSignal
  /** Longest time for an answer, stops of the daemon included. */
  readonly patience: number
  readonly #sockets = new Set<Socket>()
  readonly #channels = new Set<WebSocket>()
  readonly #agent = new Agent({ keepAlive: true })

  constructor(parts: Pick<Client, 'name' | 'random' | 'subject' | 'history' | 'gate' | 'signal' | 'patience'>) {
    this.name = parts.name
    this.random = parts.random
    this.subject = parts.subject
    this.history = parts.history
    this.gate = parts.gate
    this.signal = parts.signal
    this.patience = parts.patience
  }

  /** Cuts every connection. */
  kill(how: 'reset' | 'close'): void {
    for (const socket of this.#sockets) {
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroy()
    }
    for (const channel of this.#channels) channel.terminate()
  }

  /** Sends one request. Never rejects; undefined if the connection was refused. */
  async ask(method: string, path: string, sending: Sending = {}): Promise<Answer | undefined> {
    const begin = performance.now()
    const { epoch } = this.subject
    const parts: Buffer[] = []
    let status = 0
    try {
      const response = await this.open(method, path, sending)
      status = response.statusCode ?? 0
      for await (const part of response) parts.push(part as Buffer) // no encoding is set
    } catch (error) {
      if (await this.#refused(error)) return undefined
      status = 0
    }
    const end = performance.now()
    const bytes = Buffer.concat(parts)
    const body = parsed(bytes)
    const outcome = status === 0 ? 'unknown' : status < 300 ? 'acknowledged' : 'refused'
    if (body.code === 'internal_error')
      this.wrong('internal error', `${method} ${path}: ${bytes.toString().slice(0, 500)}`)
    return { outcome, begin, end, status, bytes, body, epoch: epoch === this.subject.epoch ? epoch : undefined }
  }

  /** Returns the head of an answer; the caller reads its body. Rejects if there is no answer. */
  async open(method: string, path: string, sending: Sending = {}): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const asked = request({
      host: '127.0.0.1',
      port: this.subject.port,
      method,
      path,
      agent: this.#agent,
      headers: {
        ...AUTHORIZATION,
        'content-type': sending.raw === undefined ? 'application/json' : 'application/octet-stream',
      },
    })
    asked.on('socket', (socket) => this.#keep(socket))
    asked.once('error', reject).once('response', resolve)
    asked.setTimeout(this.patience, () => {
      this.wrong('no answer', `${method} ${path} within ${this.patience} ms`)
      asked.destroy()
    })
    void this.#send(asked, sending) // never rejects
    return await promise
  }

  async #send(asked: ClientRequest, { json, raw }: Sending): Promise<void> {
    if (raw === undefined) return void asked.end(json === undefined ? undefined : JSON.stringify(json))
    const size = Math.ceil(raw.bytes.byteLength / raw.pieces)
    for (let from = 0; from < raw.bytes.byteLength && !asked.destroyed; from += size) {
      asked.write(raw.bytes.subarray(from, from + size))
      if (raw.pieces > 1) await pause(20)
    }
    asked.end()
  }

  #keep(socket: Socket): void {
    if (this.#sockets.has(socket)) return
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** Resolves after a pause with true if the connection was refused. */
  async #refused(error: unknown): Promise<boolean> {
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) return false
    await pause(this.random.next() * KNOCK_MS)
    return true
  }

  /** Opens a socket of /ws, whose frames go to `take`; undefined if that fails. */
  async channel(query: string, take: (message: Buffer, binary: boolean) => void): Promise<WebSocket | undefined> {
    const channel = new WebSocket(`ws://127.0.0.1:${this.subject.port}/ws?${query}`, {
      headers: AUTHORIZATION,
      handshakeTimeout: this.patience,
    })
    const { promise, resolve } = Promise.withResolvers<boolean>()
    channel.on('message', take) // before it is open: frames may come with the answer
    channel.once('open', () => resolve(true))
    channel.on('error', () => resolve(false))
    channel.once('close', () => this.#channels.delete(channel))
    this.#channels.add(channel)
    if (await promise) return channel
    this.#channels.delete(channel)
    await pause(this.random.next() * KNOCK_MS)
    return undefined
  }

  wrong(what: 'internal error' | 'no answer' | 'driver', detail: string): void {
    this.history.add({ type: 'wrong', what, client: this.name, at: performance.now(), detail })
  }

  /** Waits for some time, as clients do. */
  async think(ms: number): Promise<void> {
    await pause(this.random.next() * ms)
  }

  [Symbol.dispose](): void {
    this.kill('close')
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
