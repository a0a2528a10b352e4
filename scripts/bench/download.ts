// Sends one GET or POST and reads the answer from a raw socket into one buffer, only counting: the client costs next to
// nothing. It checks the answer's end, so that half an answer is no measure.

import { connect } from 'node:net'
import { requestText } from './load.ts'
import { AUTHORIZATION } from './subject.ts'

export interface Download {
  readonly ms: number
  readonly bytes: number
}

export interface DownloadOptions {
  readonly port: number
  readonly method?: string
  readonly path: string
  readonly body?: string
  /** Text that must occur in the last bytes of the answer. */
  readonly ending: string
}

const BUFFER_BYTES = 256 * 1024

export async function download(options: DownloadOptions): Promise<Download> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const { port, path, body, ending, method = 'GET' } = options
  const buffer = Buffer.alloc(BUFFER_BYTES)
  let bytes = 0
  let first = ''
  let tail = ''
  const began = performance.now()
  const take = (length: number): boolean => {
    bytes += length
    if (first.length < 200) first += buffer.toString('latin1', 0, Math.min(length, 200))
    tail = (length >= 600 ? '' : tail.slice(-600)) + buffer.toString('latin1', Math.max(0, length - 600), length)
    return true
  }
  const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback: take } })
  socket.on('error', reject).on('close', () => resolve())
  socket.write(requestText(method, path, { ...AUTHORIZATION, connection: 'close' }, body))
  await promise
  if (!first.startsWith('HTTP/1.1 200')) throw new Error(`${path} answered ${first}`)
  if (!tail.includes(ending)) throw new Error(`${path} broke off: ${JSON.stringify(tail.slice(-200))}`)
  return { ms: performance.now() - began, bytes }
}
