// Ends a connection whose client is still sending, so that the client reads the answer first. A request that Node's
// parser refuses ends here too, before there is a request object.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { CALLER_LINGER_MS, STRANGER_LINGER_MS } from './patience.ts'

/**
 * Sends `last`, then the end of our side, and cuts the connection if the client has not closed it after `lingerMs`, in
 * which it can read the answer.
 */
export function closeSoon(socket: Socket, last = '', lingerMs = STRANGER_LINGER_MS): void {
  if (socket.writableEnded) return // once is enough, and what is said after the end would be an error
  const cut = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(cut))
  socket.end(last)
}

/** Calls back once the whole answer is handed to the system; at once if it is already. */
export function whenSent(response: ServerResponse, then: () => void): void {
  if (response.writableFinished) then()
  else response.once('finish', then)
}

/** The exchange of each connection that has had a body. */
const bodies = new WeakMap<Socket, { request: IncomingMessage; response: ServerResponse }>()

/**
 * Ends a request that was answered before its body was read: drops the rest of the body for a moment, then cuts the
 * connection. Node itself would cut at once if the client asked to close, and the reset that follows can overtake the
 * answer.
 */
export function answerBeforeCut(request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request
  if (!bodies.has(socket)) {
    const end = socket.destroySoon.bind(socket)
    socket.destroySoon = () => {
      const last = bodies.get(socket)
      if (last === undefined || last.request.complete) return end()
      last.request.resume()
      closeSoon(socket, '', last.response.statusCode === 401 ? STRANGER_LINGER_MS : CALLER_LINGER_MS)
    }
  }
  bodies.set(socket, { request, response })
}

/** Answers what Node's parser refuses. The error listener is first: a reset here must not end the daemon. */
export function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  socket.on('error', () => undefined)
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = {
    HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
    ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  }[error.code ?? '']
  closeSoon(socket, `HTTP/1.1 ${status ?? '400 Bad Request'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/**
 * Returns a signal that aborts as `signal` does, and when the client closes its sending side: for exchanges in which
 * that means that the client wants no answer. To be disposed of with the exchange.
 */
export function untilHungUp(socket: Socket, signal: AbortSignal): { readonly signal: AbortSignal } & Disposable {
  const hungUp = new AbortController()
  const end = (): void => hungUp.abort(HUNG_UP)
  const left = (): void => hungUp.abort(signal.reason)
  if (signal.aborted) left()
  else if (socket.readableEnded) end()
  socket.once('end', end)
  signal.addEventListener('abort', left, { once: true })
  return {
    signal: hungUp.signal,
    [Symbol.dispose]() {
      socket.off('end', end)
      signal.removeEventListener('abort', left)
    },
  }
}

/** Made once, since the stack of an error is expensive. */
const HUNG_UP = new Error('the client has closed its sending side')
