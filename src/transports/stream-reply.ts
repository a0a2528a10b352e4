// Answers that are bytes: files, archives, text that is not JSON. The source goes at the client's pace. A reply that
// cannot be completed ends in a cut connection, never in one that looks whole (protocol.md#archives). Every write to a
// client that may be slow or leave waits in `drained` or `handedOver`, so that a client which takes nothing is cut.

import type { ServerResponse } from 'node:http'
import type { ByteStream } from '../operation.ts'
import { REPLY_STALL_MS } from './patience.ts'

/** Headers of every such reply: no cache keeps anything of a workspace, and no browser guesses a type (T-08). */
const HEADERS = { 'cache-control': 'no-store, no-transform', 'x-content-type-options': 'nosniff' }

/**
 * Sends head and chunks. Resolves once all is handed to the system or the client has left; if the source fails, or has
 * more or less than was announced, cuts the connection and throws the source's error.
 */
export async function sendBytes(
  response: ServerResponse,
  { head, chunks }: ByteStream,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const length = head.size === undefined || head.status === 304 ? {} : { 'content-length': head.size }
  response.writeHead(head.status ?? 200, { ...HEADERS, ...head.headers, ...length, ...headers })
  const source = chunks[Symbol.asyncIterator]()
  try {
    if (response.req.method === 'HEAD' || head.status === 304) {
      response.end()
      return
    }
    response.flushHeaders()
    for (;;) {
      const step = await nextUnlessLeft(source, response)
      if (step === 'left') return
      if (step.done === true) break
      if (!(await handedOver(response, step.value, REPLY_STALL_MS))) return
    }
    if (head.trailers !== undefined) response.addTrailers(head.trailers())
    response.end()
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    source.return?.().catch(() => undefined) // the answer is over, so a failure of its source to close changes nothing
  }
}

/**
 * Resolves with true once the response can take more. If the client takes nothing for `stallMs`, destroys the
 * connection (never a clean end: protocol.md#limits) and resolves with false; with false too if it has left.
 */
export async function drained(response: ServerResponse, stallMs: number): Promise<boolean> {
  if (response.destroyed) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = cutWhenStalled(response, stallMs)
  const ready = (): void => resolve(true)
  const gone = (): void => resolve(false)
  response.once('drain', ready).once('close', gone)
  try {
    return await promise
  } finally {
    clearInterval(timer)
    response.off('drain', ready).off('close', gone)
  }
}

/**
 * Writes a chunk; resolves with true once the system has all of it and its memory is free for other use. Cuts a client
 * that takes nothing, as `drained` does; then, or if it has left, resolves with false.
 */
async function handedOver(response: ServerResponse, chunk: Uint8Array, stallMs: number): Promise<boolean> {
  if (response.destroyed) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const gone = (): void => resolve(false)
  response.once('close', gone)
  response.write(chunk, (error) => resolve(error === null || error === undefined))
  const timer = cutWhenStalled(response, stallMs)
  try {
    return await promise
  } finally {
    clearInterval(timer)
    response.off('close', gone)
  }
}

/** Destroys the connection once it has taken nothing for `stallMs`; the caller clears the timer. */
function cutWhenStalled(response: ServerResponse, stallMs: number): NodeJS.Timeout {
  let left = response.writableLength
  return setInterval(() => {
    if (response.writableLength >= left) response.destroy()
    left = response.writableLength
  }, stallMs)
}

/** Resolves with the source's next item, or with 'left' as soon as the client's connection is gone. */
export async function nextUnlessLeft<T>(
  source: AsyncIterator<T>,
  response: ServerResponse,
): Promise<IteratorResult<T> | 'left'> {
  if (response.destroyed) return 'left'
  const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T> | 'left'>()
  const left = (): void => resolve('left')
  response.once('close', left)
  source.next().then(resolve, reject)
  try {
    return await promise
  } finally {
    response.off('close', left)
  }
}
