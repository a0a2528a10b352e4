// Requests as bytes: makes the head from its parts, and defines a case of the fuzzers that speak HTTP.

import { TOKEN } from '../../test/support/daemon.ts'
import type { Random } from './chance.ts'

/** One thing to send on a connection. */
export interface HttpCase {
  readonly bytes: Buffer
  /**
   * Number of answers that must come to whole requests; undefined for arbitrary bytes: then the client closes its
   * sending half behind them, and everything until the daemon closes is the answer.
   */
  readonly answers: number | undefined
  /** True if its answers have no body. */
  readonly head: boolean
  readonly authenticated: boolean
}

/** Place for which a fuzzer makes its cases. */
export interface Place {
  /** Folder in which anything may be changed. */
  readonly ground: string
  /** Port of 127.0.0.1 at which an application of ours answers, for the proxy. */
  readonly application: number
}

export interface Parts {
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  readonly body: Buffer
}

export const AUTHORIZATION = `Authorization: Bearer ${TOKEN}`

/** Returns the token in eight of ten cases; in the others none, a wrong one or a broken header. */
export function credential(random: Random): readonly string[] {
  if (random.next() < 0.8) return [AUTHORIZATION]
  return random.pick([[], [], [`Authorization: Bearer ${TOKEN}x`], ['Authorization: Basic eDp5'], ['Authorization: ']])
}

export function isAuthenticated(bytes: Buffer): boolean {
  return bytes.includes(`\r\n${AUTHORIZATION}\r\n`)
}

export function requestOf({ method, target, headers, body }: Parts): Buffer {
  const length = body.length > 0 || !/^(GET|HEAD|DELETE)$/.test(method) ? [`Content-Length: ${body.length}`] : []
  const head = [`${method} ${target} HTTP/1.1`, 'Host: localhost', ...headers, ...length].join('\r\n')
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), body])
}

/** Returns a whole request that is answered once. */
export function whole(parts: Parts): HttpCase {
  const bytes = requestOf(parts)
  return { bytes, answers: 1, head: parts.method === 'HEAD', authenticated: isAuthenticated(bytes) }
}
