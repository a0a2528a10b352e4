// Tunnels for WebSockets of applications, as bytes. The daemon passes on the handshake with its headers and returns the
// application's 101 or refusal; then it joins the two connections. The end of one side ends the other, and the reset of
// one side resets the other (L-08). A tunnel may be silent without limit; the kernel's probes find dead peers.

import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { closeSoon } from '../connection-end.ts'
import { HALF_CLOSED_MS } from '../patience.ts'
import { flow } from './exchange.ts'
import { headersToClient } from './headers.ts'

export interface Upgraded {
  readonly reply: IncomingMessage
  readonly socket: Socket
  /** Bytes that came after the head. */
  readonly head: Buffer
}

/** Joins the two connections; bytes that came early on either go first. Calls `ended` once both are closed. */
export function join(client: Socket, early: Buffer, application: Upgraded, ended: () => void): void {
  const { reply, socket, head } = application
  client.write(headOf(reply, headersToClient(reply, 'upgrade')), 'latin1')
  if (head.length > 0) client.write(head)
  if (early.length > 0) socket.write(early)
  let open = 2
  const closed = (): void => {
    if (--open === 0) ended()
  }
  link(client, socket, closed)
  link(socket, client, closed)
}

/** Copies one direction, and passes the end or the reset of `from` on to `to`. */
function link(from: Socket, to: Socket, closed: () => void): void {
  let reset = false
  const over = (): void => {
    if (reset) to.resetAndDestroy()
    else if (!from.readableEnded) to.destroy()
    closed() // after a clean end `to` still sends the bytes before it, then ends
  }
  if (from.closed) over()
  else from.once('close', over)
  from.once('error', () => (reset = true)) // both sockets also have an error listener from their start
  from.once('end', () => {
    to.end()
    for (const socket of [from, to]) socket.setTimeout(HALF_CLOSED_MS, () => socket.destroy())
  })
  flow(from, to)
}

/** Passes on the application's refusal as it is and ends the connection. Resolves with its status. */
export async function passRefusal(reply: IncomingMessage, client: Socket): Promise<number> {
  client.resume() // drops later bytes, or closing would reset the connection before the client reads the answer
  client.write(headOf(reply, [...headersToClient(reply, 'other'), 'Connection', 'close']), 'latin1')
  try {
    await pipeline(reply, client, { end: false })
    closeSoon(client)
  } catch {
    client.resetAndDestroy() // a body without a length ends with its connection: only a reset shows that it is cut
  }
  return reply.statusCode ?? 502
}

/** Returns the head of the application's answer as it goes over the wire. */
function headOf(reply: IncomingMessage, headers: readonly string[]): string {
  const { statusCode = 502, statusMessage } = reply
  const reason = statusMessage ?? STATUS_CODES[statusCode] ?? ''
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}\r\n`] : []))
  return `HTTP/1.1 ${statusCode} ${reason}\r\n${lines.join('')}\r\n`
}
