// Passes one request to an application and its answer to the client. Both stream at the pace of the slower side,
// trailers included; the daemon collects, recodes and follows nothing (protocol.md#proxy). If an answer breaks off, the
// client's connection is cut. An answer that has begun has no time limit: events may be hours apart, and a player that
// has read ahead stops reading. A request body has none either: a client that pauses holds one call of its credential
// and the kernel's buffers, and the kernel's probes find a client that is gone.

import { type ClientRequest, type IncomingMessage, type ServerResponse, request as begin } from 'node:http'
import { finished } from 'node:stream/promises'
import { hasBody } from '../body.ts'
import type { Exchange } from '../rest.ts'
import { headersToClient, keptTrailers, faultOfHead, headersToApplication } from './headers.ts'
import type { ProxiedTarget, Destination } from './target.ts'
import { type Socket, connect } from 'node:net'
import { errnoOf, Fault } from '../../base/fault.ts'
import type { Duplex, Readable, Writable } from 'node:stream'
import { giveBack } from '../../base/tally.ts'

export interface ProxyWaits {
  /** Time for the application to accept the connection. */
  readonly connectMs: number
  /** Time for the head of the application's answer (L-07). */
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

/** Sends the request's body and trailers; only the head if there is no body. */
function sendBody(request: IncomingMessage, outgoing: ClientRequest): void {
  if (!hasBody(request)) {
    outgoing.end()
    return
  }
  outgoing.flushHeaders()
  const stop = flow(request, outgoing) // both streams have error listeners; the end of either ends the exchange
  outgoing.once('close', stop)
  request.once('end', () => {
    const trailers = keptTrailers(request.rawTrailers)
    if (trailers.length > 0) outgoing.addTrailers(trailers)
    outgoing.end()
  })
}

/** Throws `bad_gateway` if the application breaks off; a client that leaves is no failure. */
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
    response.destroy() // the client must not take half an answer for a whole one
    throw badGateway(target, error instanceof Error ? error : undefined)
  }
}

/** Bytes of the longest head of an answer (L-05). */
const HEAD_BYTES = 64 * 1024
/** Most 1xx answers before the real one. The daemon reads them and does not pass them on. */
const INFORMATIONS = 64

interface AnswerHead {
  readonly reply: IncomingMessage
  /** The connection and the bytes after the head, if the answer is a 101. */
  readonly tunnel?: { readonly socket: Socket; readonly head: Buffer }
}

/** Sends the head of the request over the connection; the caller sends the body. */
export function openRequest(
  request: IncomingMessage,
  { destination, path }: ProxiedTarget,
  link: { readonly upstream: Socket; readonly upgrade: boolean },
): ClientRequest {
  const outgoing = begin({
    method: request.method,
    path,
    headers: headersToApplication(request, destination.authority, link.upgrade),
    createConnection: () => link.upstream,
    maxHeaderSize: HEAD_BYTES,
  })
  outgoing.maxHeadersCount = 0 // as many as fit into the head: Node would silently drop those beyond 2,000
  outgoing.on('error', () => undefined) // stays; firstAnswer has a listener too
  return outgoing
}

/**
 * Resolves with the head of the answer. Throws `bad_gateway` if it is malformed or floods, and `timeout` if it takes
 * longer than `ms` from the last byte of the request that the application could read (L-05, L-07).
 */
export async function firstAnswer(
  request: IncomingMessage,
  outgoing: ClientRequest,
  { destination }: ProxiedTarget,
  ms: number,
): Promise<AnswerHead> {
  const { promise, resolve, reject } = Promise.withResolvers<AnswerHead>()
  const target = destination.authority
  const broken = (error?: Error): void => reject(badGateway(target, error))
  const timer = setTimeout(() => {
    // A client that pauses in its body delays only itself.
    if (!request.complete && !outgoing.writableNeedDrain && !outgoing.writableEnded) timer.refresh()
    else reject(new Fault('timeout', `${target} has not answered within ${ms / 1000} s`, { details: { target } }))
  }, ms)
  const heard = (): unknown => timer.refresh()
  if (!outgoing.writableEnded) request.on('data', heard)
  const take = (answer: AnswerHead): void => {
    const wrong = faultOfHead(answer.reply)
    if (wrong === undefined) return resolve(answer)
    answer.reply.on('error', () => undefined)
    broken(new Error(wrong))
  }
  let informations = 0
  outgoing
    .on('information', () => {
      if (++informations > INFORMATIONS) broken(new Error(`more than ${INFORMATIONS} informational answers`))
    })
    .once('response', (reply) => take({ reply }))
    .once('upgrade', (reply, socket, head) => take({ reply, tunnel: { socket, head } }))
    .once('error', broken)
    .once('close', broken)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    request.off('data', heard)
  }
}

export function badGateway(target: string, error?: Error): Fault {
  const why = errnoOf(error) ?? error?.message ?? 'it closed the connection'
  return new Fault('bad_gateway', `${target} gave no answer that can be passed on: ${why}`, {
    details: { target, errno: errnoOf(error) },
    cause: error,
  })
}

/**
 * Copies bytes to `to` at the pace of the slower side and frees each chunk's memory once it is written. Leaves `to`
 * open at the end. Returns the function that stops the copy.
 */
export function flow(from: Readable, to: Writable): () => void {
  const take = (chunk: Buffer): void => {
    if (!to.write(chunk, () => giveBack(chunk))) from.pause()
  }
  const goOn = (): void => void from.resume()
  to.on('drain', goOn)
  from.on('data', take)
  return () => {
    from.off('data', take)
    to.off('drain', goOn)
  }
}

/** Resolves when all of `from` has been handed to `to`; throws if either side breaks off. */
export async function carry(from: Readable, to: Writable): Promise<void> {
  const left = (): void => void from.destroy(LEFT)
  to.once('close', left)
  const stop = flow(from, to)
  try {
    await finished(from, { writable: false })
  } finally {
    stop()
    to.off('close', left)
  }
}

/** Frees the bytes read, since Node's parser copies what it keeps. Call it after the parser has the connection. */
function giveBackWhatIsParsed(connection: Duplex): void {
  connection.on('data', giveBack)
}

/** Created once, since the stack of an error is expensive. */
const LEFT = new Error('the other side has left')

/** Time that a peer may be silent before the kernel probes it. */
const KEEP_ALIVE_MS = 30_000

/**
 * Resolves with a connection to a loopback port, host and port given apart (L-06); tries each address in turn. Throws
 * `bad_gateway` if no process listens, `timeout` if no address accepts within `ms` in all. A connection serves one
 * exchange: the application may close a kept one meanwhile, and a request would fail for that (L-07).
 */
export async function connectTo(destination: Destination, ms: number, signal: AbortSignal): Promise<Socket> {
  const until = performance.now() + ms
  let refusal: unknown
  for (const host of destination.hosts) {
    try {
      return await connected(host, destination, { ms: until - performance.now(), signal })
    } catch (error) {
      if (error instanceof Fault) throw error
      refusal ??= error
    }
  }
  throw new Fault('bad_gateway', `nothing takes connections at ${destination.authority}: ${errnoOf(refusal) ?? ''}`, {
    details: { target: destination.authority, errno: errnoOf(refusal) },
    cause: refusal,
  })
}

async function connected(
  host: string,
  { port, authority }: Destination,
  wait: { ms: number; signal: AbortSignal },
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Half-open: the end of one direction is passed on and does not end the other.
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  socket.on('error', reject) // the listener stays for the connection's life (L-08)
  socket.once('connect', () => resolve())
  const left = (): void => reject(new Fault('unavailable', 'the client has left'))
  const late = (): void =>
    reject(new Fault('timeout', `${authority} does not accept the connection`, { details: { target: authority } }))
  const timer = setTimeout(late, wait.ms)
  wait.signal.addEventListener('abort', left)
  if (wait.signal.aborted) left()
  try {
    await promise
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
    wait.signal.removeEventListener('abort', left)
  }
}

/** Turns on the kernel's probes, which find a client that left without closing. */
export function keepAlive(socket: Socket): void {
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
}
