// The headers of a message that go on to the other side (protocol.md#proxy; L-03, L-05): names and values as
// they came, repeated ones too, without what belongs to one connection, our credentials and claims about where the
// request came from. The framing of bodies is told anew from what the parser made of it, never copied. Pure.

import type { IncomingMessage } from 'node:http'
import { Fault } from '../../base/fault.ts'
import { hostsOf } from '../request-head.ts'
import { TARGET_HEADER } from './target.ts'

/** Headers of one connection, not of the message (RFC 9110 7.6.1), and those of the body's framing. */
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

/** The header by which a client sends the application a credential. */
const FORWARDED_CREDENTIAL = 'x-forward-authorization'

/** Ours, or told by us; `x-forwarded-*` are too. `expect` is answered here, before the application is asked. */
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
 * A page served through here shares its origin with other pages and with us. These headers would not speak of one
 * answer but of that origin: what it stores, to whom its browser reports, how it is reached, what it is to be given.
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

/** Names of cookies that only we set, in the spellings a browser or a parser might take for one. */
const OUR_COOKIE = /^[\s="]*(?:__(?:host|secure|http|host-http)-)?wrt_/i

/** Bodies of these methods need no announcement where there is none. */
const USUALLY_BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

type Pairs = readonly (readonly [name: string, value: string])[]

/** Headers for the application, flat; those of the body or of the upgrade included. */
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

/** Headers of the application's answer for the client, flat; `chunked`: it is sent on in chunks. */
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
 * Why the head of an answer cannot be passed on; undefined where it can. Node's parser lets through what its writer, or
 * the next server on the way, takes for something else.
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

/** A cookie of the application: for this host alone, and none of ours. */
function cookiePairs(name: string, value: string): Pairs {
  if (OUR_COOKIE.test(value)) return []
  const [pair = '', ...attributes] = value.split(';')
  return [[name, [pair, ...attributes.filter((one) => !/^\s*domain\s*(?:=|$)/i.test(one))].join(';')]]
}

/** Query fields that carry a credential of ours. */
const CREDENTIAL_FIELDS = /[?&](?:token|ticket|wrt_ticket)=/i

/** The address of one of our own pages may hold a token, so its query stays here. */
function refererPairs(name: string, value: string, host: string): Pairs {
  const mark = value.search(/[?#]/)
  if (mark < 0) return [[name, value]]
  const [, authority = ''] = /^https?:\/\/([^/?#]*)/i.exec(value) ?? []
  const ours = authority === '' || authority.toLowerCase() === host.toLowerCase() || CREDENTIAL_FIELDS.test(value)
  return [[name, ours ? value.slice(0, mark) : value]]
}

/** Trailers either way: fields that would mean something else at the head of a message are left out. */
export function keptTrailers(raw: readonly string[]): [string, string][] {
  return keptPairs(raw, undefined, (name) => isOurs(name) || NOT_FOR_CLIENTS.has(name) || name === 'set-cookie').map(
    ([name, value]) => [name, value],
  )
}

/** The protocols without those that carry a credential, as Kubernetes' clients and others send one. */
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

/** Servers that hand headers on as CGI variables take `_` for `-`: it would be a second spelling of each. */
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

/** The body's framing as the parser understood it: the one place that decides where a request ends. */
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
