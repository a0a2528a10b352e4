// A WebSocket client as bytes on a connection: it sends the handshake, reads the daemon's frames one by one, and sends
// a ping behind its frames, so that the pong tells when they were taken.

import { connect, type Socket } from 'node:net'
import { TOKEN } from '../../test/support/daemon.ts'
import { pingOf } from './frame-case.ts'

const LIMIT_MS = 20_000
const HEAD_BYTES = 16 * 1024

export interface Heard {
  /** Codes of error frames, in order. */
  readonly errors: readonly string[]
  /** Number of other frames: terminals' output, watchers' changes and all else. */
  readonly others: number
  /** Close code, `cut` if the connection ended without one, undefined while it goes on. */
  readonly closed: string | undefined
  readonly ms: number
  readonly hung: boolean
}

export class FrameLane {
  readonly port: number
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)
  #errors: string[] = []
  #others = 0
  #closed: string | undefined
  #pings = 0
  #pong: string | undefined
  /** Status of the handshake's answer. */
  status = 0
  #wake = (): void => undefined

  constructor(port: number, address: string, query: string, token: 'header' | 'query' | 'none') {
    this.port = port
    this.#socket = connect({ port, host: '127.0.0.1', localAddress: address, noDelay: true })
    const path = `/ws?${query}${token === 'query' ? `&token=${TOKEN}` : ''}`
    const header = token === 'header' ? `Authorization: Bearer ${TOKEN}\r\n` : ''
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${header}Upgrade: websocket\r\nConnection: Upgrade\r\n${key}\r\n`,
    )
    this.#socket
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => this.#take(chunk))
      .on('close', () => {
        this.#closed ??= 'cut'
        this.#wake()
      })
  }

  /** Resolves once the handshake is answered: true if frames can be sent. */
  async opened(): Promise<boolean> {
    await this.#until(() => this.status !== 0)
    return this.status === 101
  }

  /** Sends the frames and waits until they are taken; `last`: until the connection has ended, our half first. */
  async send(frames: Buffer, last: boolean): Promise<Heard> {
    const before = this.#errors.length
    const others = this.#others
    const began = performance.now()
    const name = `p${++this.#pings}`
    if (last) this.#socket.end(frames)
    else this.#socket.write(Buffer.concat([frames, pingOf(name)]))
    const answered = await this.#until(() => !last && this.#pong === name)
    const ms = performance.now() - began
    return {
      errors: this.#errors.slice(before),
      others: this.#others - others,
      closed: this.#closed,
      ms,
      hung: !answered,
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Resolves with false after too long a wait; the end of the connection counts as an answer. */
  async #until(condition: () => boolean): Promise<boolean> {
    const deadline = performance.now() + LIMIT_MS
    while (!condition() && this.#closed !== 'cut' && !this.#socket.destroyed) {
      const left = deadline - performance.now()
      if (left <= 0) return false
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      const timer = setTimeout(resolve, left)
      await promise
      clearTimeout(timer)
    }
    return true
  }

  #take(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    if (this.status === 0) this.#handshake()
    if (this.status === 101) while (this.#frame());
    this.#wake()
  }

  #handshake(): void {
    const end = this.#bytes.indexOf('\r\n\r\n')
    if (end < 0 && this.#bytes.length < HEAD_BYTES) return
    this.status = Number(this.#bytes.toString('latin1', 9, 12))
    this.#bytes = this.#bytes.subarray(end + 4)
  }

  /** Takes one frame off the front; false if none is whole. */
  #frame(): boolean {
    const short = (this.#bytes[1] ?? 0) & 0x7f
    const head = short === 127 ? 10 : short === 126 ? 4 : 2
    if (this.#bytes.length < head) return false
    const size =
      short === 127 ? Number(this.#bytes.readBigUInt64BE(2)) : short === 126 ? this.#bytes.readUInt16BE(2) : short
    if (this.#bytes.length < head + size) return false
    const opcode = (this.#bytes[0] ?? 0) & 0x0f
    const payload = this.#bytes.subarray(head, head + size)
    this.#bytes = this.#bytes.subarray(head + size)
    this.#hear(opcode, payload)
    return true
  }

  #hear(opcode: number, payload: Buffer): void {
    if (opcode === 1) {
      const code = /^\{"channel":"error","code":"(\w+)"/.exec(payload.toString('latin1', 0, 100))?.[1]
      if (code === undefined) this.#others++
      else this.#errors.push(code)
    } else if (opcode === 8) this.#closed = payload.length < 2 ? 'none' : String(payload.readUInt16BE())
    else if (opcode === 10) this.#pong = payload.toString('latin1')
    else this.#others++
  }
}
