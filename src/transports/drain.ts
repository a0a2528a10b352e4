// Between a source and a client that may be slow or leave. Every write to such a client waits through here, so
// that one which takes nothing is cut instead of being waited for.

import type { ServerResponse } from 'node:http'

/**
 * Resolves true once the response can take more. Where the client takes nothing for `stallMs`, destroys the
 * connection (never a clean end: protocol.md#limits) and resolves false; false too when it has left.
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

/**
 * Writes a chunk; resolves true once the system has all of it and its memory is free for other use. A client that
 * takes nothing is cut as `drained` does it; then, or where it has left, the answer is false.
 */
export async function handedOver(response: ServerResponse, chunk: Uint8Array, stallMs: number): Promise<boolean> {
  if (response.destroyed) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const gone = (): void => resolve(false)
  response.once('close', gone)
  response.write(chunk, (error) => resolve(error === null || error === undefined))
  let left = response.writableLength
  const timer = setInterval(() => {
    if (response.writableLength >= left) response.destroy()
    left = response.writableLength
  }, stallMs)
  try {
    return await promise
  } finally {
    clearInterval(timer)
    response.off('close', gone)
  }
}

/** The source's next item; 'left' as soon as the client's connection is gone, however long the source would wait. */
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
