// What a request line may ask for (RFC 9112 3.2): a path, or a URL whose origin is that of the Host. `*` stands for the
// server as a whole and goes with OPTIONS alone; it is answered to strangers and tells nothing but the methods that HTTP
// has here. An authority goes with CONNECT, which is for proxies of another kind than ours. Pure but for that answer.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault, quote } from '../base/fault.ts'

/** Every method of some resource here. */
const ALLOW = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/** Throws bad_request for a request line that means nothing here. */
export function refuseTarget({ method = '', url = '' }: Pick<IncomingMessage, 'method' | 'url'>): void {
  if (method !== 'CONNECT' && (url.startsWith('/') || (url === '*' && method === 'OPTIONS'))) return
  if (method !== 'CONNECT' && /^https?:\/\//i.test(url)) return
  const accepted = 'accepted is a path that begins with "/", an http or https URL, or "*" with OPTIONS'
  throw new Fault('bad_request', `the target of this ${method} request is ${quote(url)}; ${accepted}`, {
    details: { field: 'request target' },
  })
}

/** RFC 9110 9.3.7, RFC 9112 3.2.4: a URL without a path and query is the server as a whole too. */
export function asksOfServer({ method, url = '' }: IncomingMessage): boolean {
  return method === 'OPTIONS' && (url === '*' || /^https?:\/\/[^/?#]+$/i.test(url))
}

export function answerOfServer(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  response.writeHead(204, { ...headers, allow: ALLOW }).end()
}
