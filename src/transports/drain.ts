// Waiting for a client to take what was written to it. Every write to a client that may be slow goes through
// here, so that a client which takes nothing is cut instead of being waited for.

import type { ServerResponse } from 'node:http'

/**
 * Resolves true once the response can take more. Where the client takes nothing for `stallMs`, destroys the
 * connection (never a clean end: contract 16) and resolves false; false too when it has left.
 */
export async function drained(response: ServerResponse, stallMs: number): Promise<boolean> {
  if (response.destroyed) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  let left = response.writableLength
  const timer = setInterval(() => {
    if (response.writableLength >= left) response.destroy()
    left = response.writableLength
  }, stallMs)
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
