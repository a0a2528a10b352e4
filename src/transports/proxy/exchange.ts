// One proxied request and its answer, both as they come: streamed in both directions at the pace of the slower side,
// trailers included, nothing gathered, recoded or followed (protocol.md#proxy). An answer that breaks off in the middle
// ends in a cut connection. There is no limit of time once the answer has begun: events may be hours apart, and a
// player that has read ahead stops reading. Nor has a body one: a client that pauses holds one call of its credential
// and what the kernel buffers, and a client that is gone is found by the system's probes.

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

// Asks an application and waits for the head of its answer, under the limits that keep one that hangs or floods from
// holding the client without end (L-05, L-07). What comes after the head has no limit of time.

/** Longest head of an answer (L-05). */
const HEAD_BYTES = 64 * 1024
/** Most 1xx answers before the real one. They are taken, not passed on. */
const INFORMATIONS = 64

interface AnswerHead {
  readonly reply: IncomingMessage
  /** Of an answer 101: the connection, and the bytes behind the head. */
  readonly tunnel?: { readonly socket: Socket; readonly head: Buffer }
}

/** Sends the head of the request over the connection. The body is the caller's to send. */
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
  outgoing.maxHeadersCount = 0 // as many as the head has room for: Node would drop those beyond 2,000 in silence
  outgoing.on('error', () => undefined) // stays; who waits hears it too
  return outgoing
}

/**
 * The head of the answer; throws bad_gateway where none can be understood, timeout where it takes longer than `ms`
 * from the last byte of the request that the application could have had.
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
    // A client that pauses in its body keeps only itself waiting.
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

// Bytes from one side to the other at the pace of the slower one. The memory of each chunk is given back as soon as it
// is written.

/** Starts; `to` is left open at the end. What is returned stops it. */
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

/** Resolves when all of `from` has been handed over; throws when either side breaks off. */
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

/** To be called once Node's parser has heard of a connection: it copies what it keeps, so what was read can go. */
function giveBackWhatIsParsed(connection: Duplex): void {
  connection.on('data', giveBack)
}

/** Made once, since the stack of an error is expensive. */
const LEFT = new Error('the other side has left')

// The way to an application: a connection to a loopback port, host and port given apart (L-06),
// each address tried in turn. One connection serves one exchange: nothing is kept that the application
// may have closed meanwhile, so no request fails for that (L-07).

/** How long a peer may be silent before the system asks whether it is still there. */
const KEEP_ALIVE_MS = 30_000

/** Throws bad_gateway where nothing listens, timeout where no address accepts within `ms` in all. */
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
  // Half-open: the end of one direction is passed on, it does not end the other.
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  socket.on('error', reject) // stays for the connection's life (L-08)
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

/** A client that went away without a word is noticed by the system's probes. */
export function keepAlive(socket: Socket): void {
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
}
