// Reads the head of a request: its target in each form that HTTP has, the host that is meant, a token in the query, the
// values of one header. Also makes the id by which the reply and the log name the request. Pure, but for the id.

import type { IncomingMessage } from 'node:http'
import { freshRandom } from '../base/fresh-random.ts'
import { Fault, quote } from '../base/fault.ts'

/** Every method of some resource here. */
export const ALLOW = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/**
 * Throws bad_request for a target without a meaning here (RFC 9112 3.2). `*` stands for the server as a whole and goes
 * with OPTIONS alone; an authority goes with CONNECT, which is for proxies of another kind than ours.
 */
export function refuseTarget({ method = '', url = '' }: Pick<IncomingMessage, 'method' | 'url'>): void {
  if (method !== 'CONNECT' && (url.startsWith('/') || (url === '*' && method === 'OPTIONS'))) return
  if (method !== 'CONNECT' && /^https?:\/\//i.test(url)) return
  const accepted = 'accepted is a path that begins with "/", an http or https URL, or "*" with OPTIONS'
  throw new Fault('bad_request', `the target of this ${method} request is ${quote(url)}; ${accepted}`, {
    details: { field: 'request target' },
  })
}

/**
 * True for OPTIONS of the server as a whole (RFC 9110 9.3.7), which a URL without a path and query means too (RFC 9112
 * 3.2.4). The answer goes to strangers and tells the methods alone.
 */
export function asksOfServer({ method, url = '' }: IncomingMessage): boolean {
  return method === 'OPTIONS' && (url === '*' || /^https?:\/\/[^/?#]+$/i.test(url))
}

/** Returns path and query of a request target; absolute-form loses its origin. The path keeps its escapes. */
export function splitTarget(target: string): { path: string; query: string } {
  const local = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '')
  const mark = local.indexOf('?')
  const path = mark < 0 ? local : local.slice(0, mark)
  return {
    path: path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path || '/', // RFC 9110 4.2.3
    query: mark < 0 ? '' : local.slice(mark + 1),
  }
}

/**
 * Returns the hosts that a request is for, one for each Host header. A target in absolute form has the host in it,
 * which then replaces that of the header (RFC 9112 3.2.2).
 */
export function hostsOf(rawHeaders: readonly string[], target: string): readonly string[] {
  const hosts = valuesOf(rawHeaders, 'host')
  const [, authority] = /^https?:\/\/([^/?#]*)/i.exec(target) ?? []
  return authority === undefined || hosts.length !== 1 ? hosts : [authority]
}

/**
 * Returns the values of one header in their order; `name` is lower case. Node's `headers` keep the first of several or
 * join them, and its `headersDistinct` sort all the other headers too.
 */
export function valuesOf(rawHeaders: readonly string[], name: string): readonly string[] {
  const values: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const one = rawHeaders[at]
    if (one?.length === name.length && one.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '')
  }
  return values
}

/**
 * Takes the token out of a query, so that no later code sees it: for browsers, which can send no header with a
 * WebSocket or with the address of a page (protocol.md#auth). Throws bad_request for several.
 */
export function takeToken(query: URLSearchParams): string | undefined {
  const tokens = query.getAll('token')
  query.delete('token')
  if (tokens.length > 1) throw new Fault('bad_request', 'the query has more than one token; one is accepted')
  return tokens[0]
}

const ID_BYTES = 8
let count = 0

/**
 * An id such as "9f0c63d2a1b4e577-1c": unique, not secret. Its random bytes are new for each request, so that machines
 * resumed from one snapshot name theirs differently (C-05).
 */
export function newRequestId(): string {
  return `${unique()}-${(++count).toString(36)}`
}

/** Returns random text; without randomness the time, since no request is refused for its id. */
function unique(): string {
  try {
    return freshRandom(ID_BYTES).toString('hex')
  } catch {
    return process.hrtime
      .bigint()
      .toString(16)
      .padStart(2 * ID_BYTES, '0')
  }
}
