// Reads the destination of a proxied request and the target that the application sees (protocol.md#proxy). Header,
// query or path names the port; the rest is kept byte for byte (L-01, L-06). Pure. Number and URL never read a value
// alone: both accept spellings that mean another port or another host.

import { Fault, quote } from '../../base/fault.ts'

export interface Destination {
  /** Addresses to try, in this order: an application may be bound to one family only (L-07). */
  readonly hosts: readonly string[]
  readonly port: number
  /** Host header for the application. */
  readonly authority: string
}

export interface ProxiedTarget {
  readonly destination: Destination
  /** Path and query for the application, as they came, without our own parameters. */
  readonly path: string
}

export const TARGET_HEADER = 'x-oblien-proxy-target'
const TARGET_PARAMETER = 'x_oblien_target'

/** Parameters of the daemon; no application sees them (protocol.md#proxy). */
const RESERVED: ReadonlySet<string> = new Set(['token', TARGET_PARAMETER])

const ACCEPTED = '<port> or <host>:<port>, the host being localhost, 127.x.x.x or ::1'

/** Reads `url`, the request target as it came, and `headers`, the values of the target header. Throws 400 and 403. */
export function readTarget(url: string, headers: readonly string[]): ProxiedTarget {
  const local = url.replace(/^https?:\/\/[^/?#]*/i, '')
  const [, path = '', query] = /^(?:\/runtimes\/[^/?]*)?\/proxy(\/[^?]*)?(?:\?(.*))?$/s.exec(local) ?? []
  const rest = queryWithout(query, RESERVED)
  const asked = headers.length > 0 ? headers : targetsIn(query)
  if (asked.length > 1) throw new Fault('bad_request', `the request names ${asked.length} targets; one is accepted`)
  if (asked[0] !== undefined) return { destination: parseDestination(asked[0]), path: (path || '/') + rest }
  const [, port = '', below = '/'] = /^\/([^/]*)(\/.*)?$/s.exec(path) ?? []
  if (port === '') {
    throw new Fault(
      'bad_request',
      `no target: name it with the header X-Oblien-Proxy-Target, with ?${TARGET_PARAMETER}= or as /proxy/<port>/`,
      { details: { field: 'X-Oblien-Proxy-Target' } },
    )
  }
  return { destination: toPort(parsePort(port)), path: below + rest }
}

/**
 * Returns the request target for the proxy of another daemon, which reads the target itself: without the prefix and
 * without a token, which would be a credential of this daemon.
 */
export function targetBelow(url: string): string {
  const [, path = '', query] = /^(?:https?:\/\/[^/?#]*)?(?:\/runtimes\/[^/?]*)?([^?]*)(?:\?(.*))?$/is.exec(url) ?? []
  return path + queryWithout(query, new Set(['token']))
}

/** Returns the query with its question mark; '' if nothing is left. */
function queryWithout(query: string | undefined, names: ReadonlySet<string>): string {
  const kept = query?.split('&').filter((pair) => !names.has(nameOf(pair))) ?? []
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

function targetsIn(query = ''): string[] {
  const pairs = query.split('&').filter((pair) => nameOf(pair) === TARGET_PARAMETER)
  return pairs.map((pair) => new URLSearchParams(pair).values().next().value ?? '')
}

/** Reads `<port>` or `<host>:<port>`. Throws 400 if it is malformed, 403 if the host is not loopback. */
export function parseDestination(text: string): Destination {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return toPort(parsePort(text))
  const host = text.slice(0, colon)
  const port = parsePort(text.slice(colon + 1))
  if (host === 'localhost') return toPort(port)
  if (host === '::1' || host === '[::1]') return { hosts: ['::1'], port, authority: `[::1]:${port}` }
  if (isLoopbackQuad(host)) return { hosts: [host], port, authority: `${host}:${port}` }
  if (!/^(?:[a-z0-9._-]+|\[?[0-9a-f:.]+\]?)$/i.test(host)) throw malformed(text)
  throw new Fault('forbidden', `the target ${quote(host)} is not a loopback address; accepted is ${ACCEPTED}`, {
    details: { field: 'X-Oblien-Proxy-Target', got: host },
  })
}

function toPort(port: number): Destination {
  return { hosts: ['127.0.0.1', '::1'], port, authority: `localhost:${port}` }
}

/** Reads decimal digits without a leading zero, 1 to 65535 (L-01). */
function parsePort(text: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0
  if (port === 0 || port > 65_535) throw malformed(text)
  return port
}

/** True for 127.0.0.0/8 in four decimal numbers without leading zeros; `127.1` and `0177.0.0.1` are refused. */
function isLoopbackQuad(host: string): boolean {
  const numbers = host.split('.')
  return (
    numbers.length === 4 &&
    numbers[0] === '127' &&
    numbers.every((one) => /^(?:0|[1-9][0-9]{0,2})$/.test(one) && Number(one) <= 255)
  )
}

function malformed(text: string): Fault {
  return new Fault('bad_request', `the target ${quote(text)} names no port; accepted is ${ACCEPTED}`, {
    details: { field: 'X-Oblien-Proxy-Target', got: text.slice(0, 100) },
  })
}

/** Returns the name as the reader of credentials reads it, so that both agree on every spelling of `token`. */
function nameOf(pair: string): string {
  return new URLSearchParams(pair).keys().next().value ?? ''
}
