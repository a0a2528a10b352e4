// HTTP load from raw sockets: one prepared request, sent again as soon as its answer is complete. Node's own
// client would be the bottleneck.

import { connect, type Socket } from 'node:net'

export interface Load {
  readonly requestsPerSecond: number
  /** Milliseconds of each answer. */
  readonly latencies: readonly number[]
}

export interface LoadOptions {
  readonly port: number
  readonly request: string
  readonly connections: number
  readonly ms: number
}

/** The bytes of a request over a kept connection. */
export function requestText(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): string {
  const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  const length = body === '' ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n${body}`
}

/** Keeps every connection busy for `ms`. Throws where an answer is not 200. */
export async function load(options: LoadOptions): Promise<Load> {
  const latencies: number[] = []
  const began = performance.now()
  const end = began + options.ms
  await Promise.all(Array.from({ length: options.connections }, () => drive(options, end, latencies)))
  return { requestsPerSecond: latencies.length / ((performance.now() - began) / 1000), latencies }
}

async function drive({ port, request }: LoadOptions, end: number, latencies: number[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const bytes = Buffer.from(request)
  let sent = 0
  let buffer = ''
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const send = (): void => {
    sent = performance.now()
    socket.write(bytes)
  }
  socket.on('connect', send).on('error', reject)
  socket.on('data', (chunk: Buffer) => {
    buffer += chunk.toString('latin1')
    const length = completeLength(buffer)
    if (length === undefined) return
    if (!buffer.startsWith('HTTP/1.1 200')) return reject(new Error(`answered ${buffer.slice(0, 300)}`))
    buffer = buffer.slice(length)
    latencies.push(performance.now() - sent)
    if (performance.now() < end) return send()
    resolve()
  })
  try {
    await promise
  } finally {
    socket.destroy()
  }
}

/** The length of the answer at the start of the buffer, once it is all there. */
function completeLength(buffer: string): number | undefined {
  const head = buffer.indexOf('\r\n\r\n')
  if (head < 0) return undefined
  const match = /content-length: (\d+)/i.exec(buffer)
  if (match === null) throw new Error('the answer has no length')
  const length = head + 4 + Number(match[1])
  return buffer.length >= length ? length : undefined
}
