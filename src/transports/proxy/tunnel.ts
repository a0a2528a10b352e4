// WebSockets of applications, as bytes: the handshake goes on with its headers, the application's 101 or its refusal
// comes back, and from then on two connections are one. Either side's end is passed on, either side's reset resets the
// other (L-08). A tunnel may be silent without limit; the system's probes find dead peers.

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
  /** Bytes that came behind the head. */
  readonly head: Buffer
}

/** Makes one of the two connections; what came early on either goes first. `ended` is called once both are closed. */
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

/** One direction, and what the end of `from` means for `to`. */
function link(from: Socket, to: Socket, closed: () => void): void {
  let reset = false
  const over = (): void => {
    if (reset) to.resetAndDestroy()
    else if (!from.readableEnded) to.destroy()
    closed() // after a clean end `to` still has what came before it, and its end follows
  }
  if (from.closed) over()
  else from.once('close', over)
  from.once('error', () => (reset = true)) // both have listeners of their first moment too, which stay
  from.once('end', () => {
    to.end()
    for (const socket of [from, to]) socket.setTimeout(HALF_CLOSED_MS, () => socket.destroy())
  })
  flow(from, to)
}

/** The application's refusal, as it is; the connection then ends. Returns its status. */
export async function passRefusal(reply: IncomingMessage, client: Socket): Promise<number> {
  client.resume() // what still comes is dropped, or closing would reset the connection before the answer is read
  client.write(headOf(reply, [...headersToClient(reply, 'other'), 'Connection', 'close']), 'latin1')
  try {
    await pipeline(reply, client, { end: false })
    closeSoon(client)
  } catch {
    client.resetAndDestroy() // a body without a length ends with its connection: only a reset says that it is not whole
  }
  return reply.statusCode ?? 502
}

/** The head of the application's answer, as it stands on the wire. */
function headOf(reply: IncomingMessage, headers: readonly string[]): string {
  const { statusCode = 502, statusMessage } = reply
  const reason = statusMessage ?? STATUS_CODES[statusCode] ?? ''
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}\r\n`] : []))
  return `HTTP/1.1 ${statusCode} ${reason}\r\n${lines.join('')}\r\n`
}
