// Asks an application and waits for the head of its answer, under the limits that keep one that hangs or floods from
// holding the client for ever (L-05, L-07). What comes after the head has no limit of time.

import { request as begin, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { errnoOf, Fault } from '../../base/fault.ts'
import { faultOfHead, headersToApplication } from './headers.ts'
import type { ProxiedTarget } from './target.ts'

/** Longest head of an answer (L-05). */
const HEAD_BYTES = 64 * 1024
/** Most 1xx answers before the real one. They are taken, not passed on. */
const INFORMATIONS = 64

export interface Answer {
  readonly reply: IncomingMessage
  /** With 101: the connection, and what came behind the head. */
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
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const target = destination.authority
  const broken = (error?: Error): void => reject(badGateway(target, error))
  const timer = setTimeout(() => {
    // A client that pauses in its body keeps only itself waiting.
    if (!request.complete && !outgoing.writableNeedDrain && !outgoing.writableEnded) timer.refresh()
    else reject(new Fault('timeout', `${target} has not answered within ${ms / 1000} s`, { details: { target } }))
  }, ms)
  const heard = (): unknown => timer.refresh()
  if (!outgoing.writableEnded) request.on('data', heard)
  const take = (answer: Answer): void => {
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
