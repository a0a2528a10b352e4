// HTTP as bytes on a socket: for requests that no well-behaved client would send.

import { connect, type Socket } from 'node:net'

export interface RawReply {
  /** 0 where the connection ended without an answer. */
  readonly status: number
  readonly text: string
  /** How many answers came on the connection. */
  readonly answers: number
}

/** Sends the bytes and collects what comes until the server closes, or for `ms`. */
export async function rawExchange(port: number, request: string | Uint8Array, ms = 3_000): Promise<RawReply> {
  const socket = connect({ port, host: '127.0.0.1' })
  const text = await collect(socket, request, ms)
  const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)]
  return { status: Number(statuses[0]?.[1] ?? 0), text, answers: statuses.length }
}

async function collect(socket: Socket, request: string | Uint8Array, ms: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let text = ''
  const finish = (): void => resolve(text)
  const timer = setTimeout(finish, ms)
  socket
    .on('error', finish)
    .on('close', finish)
    .on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.write(request)
  const result = await promise
  clearTimeout(timer)
  socket.destroy()
  return result
}
