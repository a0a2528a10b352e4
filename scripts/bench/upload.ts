// Sends one request whose body is a file, over a raw socket. The answer must be 2xx; resolves with its text.

import { createReadStream, statSync } from 'node:fs'
import { connect } from 'node:net'
import { AUTHORIZATION } from './subject.ts'

export interface UploadOptions {
  readonly port: number
  readonly method: 'POST' | 'PUT'
  readonly path: string
  /** Path of the file that is the body. */
  readonly file: string
}

const CHUNK_BYTES = 512 * 1024

export async function upload({ port, method, path, file }: UploadOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect({ port, host: '127.0.0.1' })
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk))
  socket.on('error', reject).on('close', () => resolve())
  const headers = { host: '127.0.0.1', ...AUTHORIZATION, 'content-length': statSync(file).size, connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  createReadStream(file, { highWaterMark: CHUNK_BYTES }).on('error', reject).pipe(socket, { end: false })
  await promise
  if (!/^HTTP\/1\.1 2\d\d /.test(answer)) throw new Error(`${method} ${path} answered ${answer.slice(0, 500)}`)
  return answer.slice(answer.indexOf('\r\n\r\n') + 4)
}
