// One proxied request and its answer, both as they come: streamed in both directions at the pace of whoever is slower,
// trailers included, nothing gathered, recoded or followed (protocol.md#proxy). An answer that breaks off in the middle
// ends in a cut connection. There is no limit of time once the answer has begun: events may be hours apart, and a
// player that has read ahead stops reading. Nor has a body one: whoever pauses holds one call of its own credential and
// what the kernel buffers, and a client that is gone is found by the system's probes.

import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'
import { hasBody } from '../body.ts'
import type { Exchange } from '../rest.ts'
import { badGateway, firstAnswer, openRequest } from './ask.ts'
import { connectTo, keepAlive } from './connect.ts'
import { carry, flow, giveBackWhatIsParsed } from './flow.ts'
import { headersToClient, keptTrailers } from './headers.ts'
import type { ProxiedTarget } from './target.ts'

export interface ProxyWaits {
  /** For the application to accept the connection. */
  readonly connectMs: number
  /** For the head of its answer (L-07). */
  readonly firstByteMs: number
}

/** Resolves when the exchange is over; throws a Fault while nothing has been sent to the client. */
export async function passExchange(exchange: Exchange, target: ProxiedTarget, waits: ProxyWaits): Promise<void> {
  const { request, response, signal } = exchange
  const upstream = await connectTo(target.destination, waits.connectMs, signal)
  const cut = (): void => void upstream.destroy()
  signal.addEventListener('abort', cut)
  keepAlive(request.socket)
  try {
    const outgoing = openRequest(request, target, { upstream, upgrade: false })
    if (/^100-continue$/i.test(request.headers.expect ?? '')) response.writeContinue()
    outgoing.once('socket', giveBackWhatIsParsed)
    sendBody(request, outgoing)
    const { reply, tunnel } = await firstAnswer(request, outgoing, target, waits.firstByteMs)
    if (tunnel !== undefined) throw badGateway(target.destination.authority, new Error('101, which nobody asked for'))
    await passReply(reply, response, target.destination.authority)
  } finally {
    signal.removeEventListener('abort', cut)
    upstream.destroy()
  }
}

/** The request's body and trailers; the head alone where it has none. */
function sendBody(request: IncomingMessage, outgoing: ClientRequest): void {
  if (!hasBody(request)) {
    outgoing.end()
    return
  }
  outgoing.flushHeaders()
  const stop = flow(request, outgoing) // both have listeners for their errors; either's end ends the exchange
  outgoing.once('close', stop)
  request.once('end', () => {
    const trailers = keptTrailers(request.rawTrailers)
    if (trailers.length > 0) outgoing.addTrailers(trailers)
    outgoing.end()
  })
}

/** Throws bad_gateway where the application breaks off; a client that leaves is no failure. */
async function passReply(reply: IncomingMessage, response: ServerResponse, target: string): Promise<void> {
  const { method, httpVersionMinor } = response.req
  const status = reply.statusCode ?? 502
  const bodiless = method === 'HEAD' || status === 204 || status === 304
  const chunked = reply.headers['content-length'] === undefined && !bodiless && httpVersionMinor > 0
  response.sendDate = false // the application's date, or none
  response.writeHead(status, reply.statusMessage, headersToClient(reply, chunked ? 'chunked' : 'other'))
  response.flushHeaders()
  try {
    await carry(reply, response)
    const trailers = keptTrailers(reply.rawTrailers)
    if (trailers.length > 0 && chunked) response.addTrailers(trailers)
    response.end()
    await finished(response)
  } catch (error) {
    if (response.destroyed) return
    response.destroy() // half an answer must not pass for a whole one
    throw badGateway(target, error instanceof Error ? error : undefined)
  }
}
