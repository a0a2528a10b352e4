// Selects the headers that the proxy passes on (protocol.md#proxy; L-03, L-05). Names and values stay as they came,
// repeated ones too. It drops headers of one connection, our credentials, and claims about the request's origin. It
// writes the framing of a body from the parser's result and never copies it. Pure.

import type { IncomingMessage } from 'node:http'
import { Fault } from '../../base/fault.ts'
import { hostsOf } from '../request-head.ts'
import { TARGET_HEADER } from './target.ts'

/** Headers of one connection, not of the message (RFC 9110 7.6.1), and headers of the body's framing. */
const CONNECTION_ONLY: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
])

/** Header with which a client sends a credential to the application. */
const FORWARDED_CREDENTIAL = 'x-forward-authorization'

/** Headers that the daemon reads or sets itself, besides `x-forwarded-*`. The daemon answers `expect`. */
const NOT_FOR_APPLICATIONS: ReadonlySet<string> = new Set([
  'authorization',
  FORWARDED_CREDENTIAL,
  TARGET_HEADER,
  'host',
  'forwarded',
  'expect',
  'http2-settings',
  'sec-websocket-protocol',
])

/**
 * Headers that act on a whole origin, not on one answer: what it stores, to whom its browser reports, how it is
 * reached, what it is sent. A page that comes through the proxy shares its origin with other pages and with the daemon.
 */
const NOT_FOR_CLIENTS: ReadonlySet<string> = new Set([
  'service-worker-allowed',
  'clear-site-data',
  'nel',
  'report-to',
  'reporting-endpoints',
  'strict-transport-security',
  'alt-svc',
  'public-key-pins',
  'public-key-pins-report-only',
  'expect-ct',
  'accept-ch',
  'critical-ch',
  'origin-agent-cluster',
  'set-login',
  'use-as-dictionary',
  'secure-session-registration',
  'sec-session-registration',
])

/** Names of cookies that only the daemon sets, in all spellings that a browser or parser might take for one. */
const OUR_COOKIE = /^[\s="]*(?:__(?:host|secure|http|host-http)-)?wrt_/i

/** Methods whose requests need no Content-Length if there is no body. */
const USUALLY_BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

type Pairs = readonly (readonly [name: string, value: string])[]

/** Returns the headers for the application, flat, including those of the body or of the upgrade. */
export function headersToApplication(request: IncomingMessage, authority: string, upgrade: boolean): string[] {
  const host = hostsOf(request.rawHeaders, request.url ?? '')[0] ?? ''
  const kept = keptPairs(request.rawHeaders, request.headers.connection, isOurs).flatMap(([name, value]) =>
    /^referer$/i.test(name) ? refererPairs(name, value, host) : [[name, value] as const],
  )
  const protocols = request.headersDistinct['sec-websocket-protocol']
  const told: [string, string][] = [
    ...ownCredential(request),
    ...(protocols === undefined ? [] : protocolPairs(protocols)),
    ['X-Forwarded-For', request.socket.remoteAddress ?? ''],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Proto', 'http'],
  ]
  const framing = upgrade ? upgradePairs(request) : [['Connection', 'close'] as const, ...bodyPairs(request)]
  return [['Host', authority] as const, ...kept, ...told, ...framing].flat()
}

/** Returns the headers of the answer for the client, flat. `chunked`: the daemon sends the body in chunks. */
export function headersToClient(reply: IncomingMessage, framing: 'upgrade' | 'chunked' | 'other'): string[] {
  const kept = keptPairs(reply.rawHeaders, reply.headers.connection, (name) => NOT_FOR_CLIENTS.has(name)).flatMap(
    ([name, value]) => (name.toLowerCase() === 'set-cookie' ? cookiePairs(name, value) : [[name, value] as const]),
  )
  if (framing === 'upgrade') return [...kept, ...upgradePairs(reply)].flat()
  const { trailer, 'content-length': announced } = reply.headers
  const length = reply.statusCode === 204 ? undefined : announced // 204 never has a body (RFC 9110 8.6)
  const trailers: Pairs = framing === 'chunked' && trailer !== undefined ? [['Trailer', trailer]] : []
  return [...kept, ...trailers, ...(length === undefined ? [] : [['Content-Length', length] as const])].flat()
}

/**
 * Returns why the head of an answer cannot be passed on; undefined if it can. Node's parser accepts heads that its
 * writer, or the next server on the way, reads differently.
 */
export function faultOfHead({ statusCode = 0, statusMessage = '', rawHeaders }: IncomingMessage): string | undefined {
  if (statusCode !== 101 && (statusCode < 200 || statusCode > 599)) return `its status is ${statusCode}`
  if (!TEXT.test(statusMessage)) return 'its reason phrase has control characters'
  const bad = rawHeaders.findIndex((text, at) => !(at % 2 === 0 ? NAME : TEXT).test(text))
  if (bad < 0) return undefined
  return bad % 2 === 0
    ? 'the name of a header is malformed'
    : `the header ${rawHeaders[bad - 1]} has control characters`
}

/** RFC 9110 5.6.2 and 5.5: a token; text without control characters other than the tab. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/

/** Limits a cookie of the application to this host; drops one that is named like ours. */
function cookiePairs(name: string, value: string): Pairs {
  if (OUR_COOKIE.test(value)) return []
  const [pair = '', ...attributes] = value.split(';')
  return [[name, [pair, ...attributes.filter((one) => !/^\s*domain\s*(?:=|$)/i.test(one))].join(';')]]
}

/** Query fields that carry a credential of the daemon. */
const CREDENTIAL_FIELDS = /[?&](?:token|ticket|wrt_ticket)=/i

/** Removes the query if the address is one of our own pages: it may hold a token. */
function refererPairs(name: string, value: string, host: string): Pairs {
  const mark = value.search(/[?#]/)
  if (mark < 0) return [[name, value]]
  const [, authority = ''] = /^https?:\/\/([^/?#]*)/i.exec(value) ?? []
  const ours = authority === '' || authority.toLowerCase() === host.toLowerCase() || CREDENTIAL_FIELDS.test(value)
  return [[name, ours ? value.slice(0, mark) : value]]
}

/** Returns the trailers, of either direction, without fields that have a meaning in the head of a message. */
export function keptTrailers(raw: readonly string[]): [string, string][] {
  return keptPairs(raw, undefined, (name) => isOurs(name) || NOT_FOR_CLIENTS.has(name) || name === 'set-cookie').map(
    ([name, value]) => [name, value],
  )
}

/** Returns the protocols without those that carry a credential, as Kubernetes' and other clients send one. */
export function withoutBearers(protocols: readonly string[]): string[] {
  const names = protocols.flatMap((line) => line.split(',')).map((name) => name.trim())
  return names.filter((name, at) => name !== '' && !isBearer(name) && !/^bearer$/i.test(names[at - 1] ?? ''))
}

function isBearer(protocol: string): boolean {
  return /(?:^|\.)bearer(?:\.|$)/i.test(protocol)
}

function protocolPairs(protocols: readonly string[]): [string, string][] {
  const kept = withoutBearers(protocols)
  return kept.length === 0 ? [] : [['Sec-WebSocket-Protocol', kept.join(', ')]]
}

/** True if the daemon keeps the header. `_` counts as `-`, since servers with CGI variables read both alike. */
function isOurs(lower: string): boolean {
  const name = lower.replaceAll('_', '-')
  return NOT_FOR_APPLICATIONS.has(name) || name.startsWith('x-forwarded-')
}

function keptPairs(raw: readonly string[], connection: string | undefined, dropped: (name: string) => boolean): Pairs {
  const named = new Set(connection?.split(',').map((name) => name.trim().toLowerCase()))
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? ''
    const lower = name.toLowerCase()
    if (CONNECTION_ONLY.has(lower) || named.has(lower) || dropped(lower)) continue
    pairs.push([name, raw[at + 1] ?? ''])
  }
  return pairs
}

function ownCredential(request: IncomingMessage): [string, string][] {
  const [credential, second] = request.headersDistinct[FORWARDED_CREDENTIAL] ?? []
  if (second !== undefined) {
    throw new Fault('bad_request', 'the request has more than one X-Forward-Authorization header; one is accepted')
  }
  return credential === undefined ? [] : [['Authorization', credential]]
}

/** Returns the body's framing as the parser read it: only the parser decides where a request ends. */
function bodyPairs({ headers, method = '' }: IncomingMessage): Pairs {
  const coding = headers['transfer-encoding']
  if (coding !== undefined) {
    if (coding.trim().toLowerCase() === 'chunked') {
      const announced: Pairs = headers.trailer === undefined ? [] : [['Trailer', headers.trailer]]
      return [['Transfer-Encoding', 'chunked'], ...announced]
    }
    throw new Fault('not_supported', 'the body has a transfer coding that is not passed on; chunked is')
  }
  const length = headers['content-length']
  if (length !== undefined) return [['Content-Length', length]]
  return USUALLY_BODILESS.has(method) ? [] : [['Content-Length', '0']]
}

function upgradePairs({ headers }: IncomingMessage): Pairs {
  return [
    ['Connection', 'Upgrade'],
    ['Upgrade', headers.upgrade ?? 'websocket'],
  ]
}
