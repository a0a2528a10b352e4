// One connection to the daemon, kept as long as the daemon answers on it: sends a case and returns the answer. Whole
// requests are read answer by answer, as HTTP/1.1 has it; after other bytes it closes the sending half and takes
// everything that comes.

import { connect, type Socket } from 'node:net'
import type { HttpCase } from './request.ts'

export interface Answer {
  /** Statuses of the answers; empty if the connection ended without one. */
  readonly statuses: readonly number[]
  /** Head and body, up to KEPT_BYTES. */
  readonly text: string
  /** Milliseconds from the last byte sent to the answer's last byte. */
  readonly ms: number
  /** True if nothing came and nothing ended for LIMIT_MS. */
  readonly hung: boolean
}

const KEPT_BYTES = 64 * 1024
/** Milliseconds after which a case is given up. */
const LIMIT_MS = 20_000
/** Milliseconds of an event stream: once begun it is an answer; its end is not waited for. */
const STREAM_MS = 100

const STATUS = /^HTTP\/1\.1 (\d{3})/gm

export class Connection {
  readonly #port: number
  /** Address of this lane alone: ports and refusals are counted by address. */
  readonly #address: string
  #socket: Socket | undefined

  constructor(port: number, lane: number) {
    this.#port = port
    this.#address = `127.0.0.${2 + (lane % 250)}`
  }

  async exchange({ bytes, answers, head }: HttpCase): Promise<Answer> {
    const socket = this.#usable()
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const chunks: Buffer[] = []
    let stream: NodeJS.Timeout | undefined
    const timer = setTimeout(() => resolve(true), LIMIT_MS)
    const over = (): void => resolve(false)
    let ended = false
    const began = performance.now()
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      const text = answers === undefined && chunks.length > 4 ? undefined : Buffer.concat(chunks)
      if (answers !== undefined && text !== undefined && isComplete(text, head)) over()
      else if (text?.includes('content-type: text/event-stream')) stream ??= setTimeout(over, STREAM_MS)
    }
    const close = (): void => {
      ended = true
      over()
    }
    socket.on('data', take).once('close', close)
    if (answers === undefined) socket.end(bytes)
    else socket.write(bytes)
    const hung = await promise
    const ms = performance.now() - began - (stream === undefined || ended ? 0 : STREAM_MS)
    clearTimeout(timer)
    clearTimeout(stream)
    socket.off('data', take).off('close', close)
    const text = Buffer.concat(chunks).toString('latin1')
    if (ended || hung || answers === undefined || stream !== undefined || !staysOpen(text)) this.close()
    return { statuses: statusesOf(text), text: text.slice(0, KEPT_BYTES), ms, hung }
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #usable(): Socket {
    if (this.#socket === undefined || this.#socket.destroyed || this.#socket.readyState === 'closed') {
      this.#socket = connect({ port: this.#port, host: '127.0.0.1', localAddress: this.#address, noDelay: true })
      this.#socket.on('error', () => undefined) // `close` follows
    }
    return this.#socket
  }
}

function statusesOf(text: string): number[] {
  const all = [...text.matchAll(STATUS)].map((match) => Number(match[1]))
  return all.filter((status) => status >= 200 || status === 101)
}

function staysOpen(text: string): boolean {
  return !/\r\nconnection: close\r\n/i.test(text)
}

/** True if one whole answer is there. */
function isComplete(bytes: Buffer, head: boolean): boolean {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return false
  const headers = bytes.toString('latin1', 0, end + 2)
  const status = Number(headers.slice(9, 12))
  if (status < 200) return isComplete(bytes.subarray(end + 4), head)
  if (head || status === 204 || status === 304) return true
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(headers)?.[1]
  if (length !== undefined) return bytes.length >= end + 4 + Number(length)
  return /\r\ntransfer-encoding: chunked\r\n/i.test(headers) && hasLastChunk(bytes, end + 4)
}

/** True if the chunks that begin at `at` have come to their end, trailers included. */
function hasLastChunk(bytes: Buffer, at: number): boolean {
  for (;;) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return false
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    if (size === 0) return bytes.indexOf('\r\n\r\n', line) >= 0
    at = line + 2 + size + 2
  }
}
