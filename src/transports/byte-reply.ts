// Answers that are bytes: files, archives, text that is not JSON. The client's pace is the source's pace; a reply
// that cannot be completed ends in a cut connection, never in one that looks whole (protocol.md#archives).

import type { ServerResponse } from 'node:http'
import type { ByteStream } from '../operation.ts'
import { handedOver, nextUnlessLeft } from './drain.ts'

/** A client that takes nothing for this long is given up. */
const STALL_MS = 60_000

/** Nothing of a workspace is for caches on the way, and no browser is to guess a type (T-08). */
const HEADERS = { 'cache-control': 'no-store, no-transform', 'x-content-type-options': 'nosniff' }

/**
 * Sends head and chunks. Resolves once all is handed to the system or the client has left; where the source fails, or
 * has more or less than was announced, cuts the connection and throws what the source has thrown.
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
      if (!(await handedOver(response, step.value, STALL_MS))) return
    }
    if (head.trailers !== undefined) response.addTrailers(head.trailers())
    response.end()
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    source.return?.().catch(() => undefined) // the answer is over; how its source closed is of no matter to it
  }
}
