// Sends HTTP as bytes on a socket, for requests that no well-behaved client would send.

import { connect, type Socket } from 'node:net'
import { slowness } from '../../scripts/slowness.ts'

export interface RawReply {
  /** 0 where the connection ended without an answer. */
  readonly status: number
  readonly text: string
  /** How many answers came on the connection. */
  readonly answers: number
}

/** Ends the wait for answers that never come. */
const LAST_MS = 60_000

/** Sends the bytes and collects what comes until so many answers are whole, or the server closes. */
export async function rawExchange(port: number, request: string | Uint8Array, answers = 1): Promise<RawReply> {
  const socket = connect({ port, host: '127.0.0.1' })
  const text = await collect(socket, request, answers)
  const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)]
  return { status: Number(statuses[0]?.[1] ?? 0), text, answers: statuses.length }
}

async function collect(socket: Socket, request: string | Uint8Array, answers: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const bodiless = Buffer.from(request.slice(0, 5)).toString() === 'HEAD '
  let text = ''
  const timer = setTimeout(resolve, LAST_MS * slowness())
  socket
    .on('error', () => resolve())
    .on('close', () => resolve())
    .on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (wholeAnswers(text, bodiless) >= answers) resolve()
    })
  socket.write(request)
  await promise
  clearTimeout(timer)
  socket.destroy()
  return text
}

/** How many final answers, heads and bodies, are there to their end. */
export function wholeAnswers(text: string, bodiless = false): number {
  let count = 0
  for (let from = 0; ;) {
    const head = /^HTTP\/1\.1 (\d{3})[^]*?\r\n\r\n/.exec(text.slice(from))
    if (head === null) return count
    const status = Number(head[1])
    from += head[0].length
    if (status >= 100 && status < 200 && status !== 101) continue
    const end = bodiless || [101, 204, 304].includes(status) ? from : bodyEnd(text, from, head[0])
    if (end === undefined || end > text.length) return count
    from = end
    count++
  }
}

/** Where the body ends that begins at `from`; undefined if that is not known yet, or only with the connection. */
function bodyEnd(text: string, from: number, head: string): number | undefined {
  const length = /^content-length: *(\d+)\r$/im.exec(head)?.[1]
  if (length !== undefined) return from + Number(length)
  if (!/^transfer-encoding: *chunked\r$/im.test(head)) return undefined
  for (let at = from; ;) {
    const size = /^([0-9a-f]+)\r\n/i.exec(text.slice(at, at + 20))
    if (size === null) return undefined
    at += size[0].length + Number.parseInt(size[1] ?? '', 16) + 2
    if (size[1] === '0') return at
  }
}
