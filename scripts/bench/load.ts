// HTTP load from raw sockets: one prepared request, sent again as soon as its answer is complete, or at a
// fixed pace. Node's own client would be the bottleneck.

import { connect, type Socket } from 'node:net'

export interface Load {
  readonly requestsPerSecond: number
  /** Milliseconds of each answer, counted from when its request was due. */
  readonly latencies: readonly number[]
}

export interface LoadOptions {
  readonly port: number
  readonly request: string
  readonly connections: number
  readonly ms: number
  /** Milliseconds from one request of a connection to the next, or more if the answer comes later; 0 unless given. */
  readonly paceMs?: number
  /** True if the client never sleeps, which takes a core: for figures that count requests a second. */
  readonly awake?: boolean
}

/** Returns the bytes of a request over a kept connection. */
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

/** Keeps every connection busy for `ms`. Throws if an answer is not 200. */
export async function load(options: LoadOptions): Promise<Load> {
  const latencies: number[] = []
  const began = performance.now()
  using _ = options.awake === true ? wakefulness() : undefined
  await Promise.all(Array.from({ length: options.connections }, () => drive(options, began, latencies)))
  return { requestsPerSecond: latencies.length / ((performance.now() - began) / 1000), latencies }
}

/**
 * Keeps this loop from sleeping. A server slower than its client would otherwise pay for waking it with every
 * answer (10 µs and more on a virtual machine), and a faster one would not.
 */
function wakefulness(): Disposable {
  let awake = true
  const turn = (): void => {
    if (awake) setImmediate(turn)
  }
  turn()
  return {
    [Symbol.dispose]: () => {
      awake = false
    },
  }
}

async function drive(options: LoadOptions, began: number, latencies: number[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const { port, paceMs = 0, ms } = options
  const request = Buffer.from(options.request)
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let due = began
  let timer: NodeJS.Timeout | undefined
  const send = (): void => void socket.write(request)
  const next = (): void => {
    const now = performance.now()
    latencies.push(now - due)
    if (now >= began + ms) return resolve()
    due = Math.max(due + paceMs, now)
    if (due - now < 1) send()
    else timer = setTimeout(send, due - now)
  }
  socket.once('connect', () => {
    due = performance.now()
    send()
  })
  socket.on('error', reject).on('close', () => reject(new Error('the connection was closed')))
  socket.on('data', answerReader(next, reject))
  try {
    await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

/** Calls `whole` after each complete answer of status 200. */
function answerReader(whole: () => void, failed: (error: Error) => void): (chunk: Buffer) => void {
  let pending = ''
  return (chunk) => {
    pending += chunk.toString('latin1')
    const head = pending.indexOf('\r\n\r\n')
    if (head < 0) return
    if (!pending.startsWith('HTTP/1.1 200')) return failed(new Error(`answered ${pending.slice(0, 300)}`))
    const length = /content-length: (\d+)/i.exec(pending)
    if (length === null) return failed(new Error('the answer has no length'))
    if (pending.length < head + 4 + Number(length[1])) return
    pending = ''
    whole()
  }
}
