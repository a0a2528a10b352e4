// What of a message's headers goes on to the other side (contract 9; reliability L-03, L-05): names and values as
// they came, repeated ones too, without what belongs to one connection, our credentials and claims about where the
// request came from. The framing of bodies is told anew from what the parser made of it, never copied. Pure.

import type { IncomingMessage } from 'node:http'
import { Fault } from '../../base/fault.ts'
import { hostsOf } from '../origin.ts'
import { TARGET_HEADER } from './target.ts'

/** Of one connection, not of the message (RFC 9110 7.6.1), and the framing of the body. */
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

/** The opt-in by which an application gets a credential of its own. */
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

/** A page served through here shares its origin with other pages and with us (reliability L-09). */
const NOT_FOR_CLIENTS: ReadonlySet<string> = new Set(['service-worker-allowed'])

/** Bodies of these methods need no announcement where there is none. */
const USUALLY_BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

type Pairs = readonly (readonly [name: string, value: string])[]

/** Headers for the application, flat; those of the body or of the upgrade included. */
export function headersToApplication(request: IncomingMessage, authority: string, upgrade: boolean): string[] {
  const kept = keptPairs(request.rawHeaders, request.headers.connection, isOurs)
  const protocols = request.headersDistinct['sec-websocket-protocol']
  const told: [string, string][] = [
    ...ownCredential(request),
    ...(protocols === undefined ? [] : protocolPairs(protocols)),
    ['X-Forwarded-For', request.socket.remoteAddress ?? ''],
    ['X-Forwarded-Host', hostsOf(request.rawHeaders, request.url ?? '')[0] ?? ''],
    ['X-Forwarded-Proto', 'http'],
  ]
  const framing = upgrade ? upgradePairs(request) : [['Connection', 'close'] as const, ...bodyPairs(request)]
  return [['Host', authority] as const, ...kept, ...told, ...framing].flat()
}

/** Headers of the application's answer for the client, flat; `chunked`: it is sent on in chunks. */
export function headersToClient(reply: IncomingMessage, framing: 'upgrade' | 'chunked' | 'other'): string[] {
  const kept = keptPairs(reply.rawHeaders, reply.headers.connection, (name) => NOT_FOR_CLIENTS.has(name))
  if (framing === 'upgrade') return [...kept, ...upgradePairs(reply)].flat()
  const { trailer, 'content-length': length } = reply.headers
  const announced: Pairs = framing === 'chunked' && trailer !== undefined ? [['Trailer', trailer]] : []
  return [...kept, ...announced, ...(length === undefined ? [] : [['Content-Length', length] as const])].flat()
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
