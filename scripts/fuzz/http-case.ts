// HTTP requests as bytes: right ones for every route, the same with other headers, with any bytes changed, cut off,
// several in one write, upgrades, and request targets that no client sends.

import { asJson, asQuery, someCall } from './calls.ts'
import { weighted, type Random } from './chance.ts'
import { anyValue, mutated, WORDS } from './mutation.ts'
import { credential, isAuthenticated, requestOf, type HttpCase, type Parts, type Place, whole } from './request.ts'

/** Headers about which servers and proxies have disagreed, or that mean something here (H-03, H-04). */
const HEADERS: readonly string[] = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding : chunked',
  'Content-Length: 0',
  'Content-Length: +5',
  'Content-Length: 0x5',
  'Content-Length: 99999999999',
  'Content-Encoding: gzip',
  'Expect: 100-continue',
  'Expect: nonsense',
  'Connection: close',
  'Connection: keep-alive, Host',
  'Upgrade: h2c',
  'Host: elsewhere.example',
  'Host: ',
  'Origin: http://elsewhere.example',
  'Origin: null',
  'Range: bytes=0-3,5-',
  'Range: bytes=9-1',
  'If-None-Match: *',
  'If-Match: "x", W/"y"',
  'Content-Range: bytes 0-3/4',
  'Content-Digest: sha-256=:YWJj:',
  'Accept: ;q=x',
  'Accept-Encoding: zstd;q=0',
  'Cookie: token=x',
  'X-MCP-Format: text',
  '__proto__: x',
  'constructor: x',
  ' folded: x',
  'X-Long: '.padEnd(17_000, 'x'),
  'no colon',
  'X-Nul: \0',
]

const TARGETS = [
  '*',
  'http://localhost/files',
  '//health',
  '/%2e%2e/',
  '/%00',
  '/%zz',
  `/${'a'.repeat(8192)}`,
  '/ x',
  '/#',
]

export function httpCase(random: Random, place: Place): HttpCase {
  const make = weighted(random, [
    [40, framed],
    [14, oddHeaders],
    [28, anyBytes],
    [6, cutOff],
    [5, several],
    [3, upgrade],
    [2, oddTarget],
    [2, proxied],
  ])
  return make(random, place)
}

interface Request extends Parts {
  readonly kept: readonly string[]
}

/** Returns a request that a client could send. */
function request(random: Random, place: Place): Request {
  const call = someCall(random, place)
  const path = call.route.path.replace(/:\w+/, String(random.below(20)))
  const { method } = call.route
  const inQuery = method === 'GET' || call.route.body === 'bytes' || (method === 'DELETE' && random.next() < 0.5)
  const { text, kept } = inQuery ? asQuery(call) : asJson(call)
  const body = call.route.body === 'bytes' ? Buffer.from(random.pick(WORDS)) : inQuery ? '' : text
  const type = method === 'GET' || random.next() < 0.05 ? [] : ['Content-Type: application/json']
  const target = inQuery ? `${path}?${text.slice(0, 6000)}` : path
  return { method, target, headers: [...credential(random), ...type], body: Buffer.from(body), kept }
}

function framed(random: Random, place: Place): HttpCase {
  const { kept, ...parts } = request(random, place)
  const body =
    random.next() < 0.6
      ? mutated(
          random,
          parts.body,
          kept.filter((one) => parts.body.includes(one)),
        )
      : parts.body
  return whole({ ...parts, body })
}

/** Returns bytes of which the server must decide if they have an end, and only one. */
function loose(random: Random, bytes: Buffer, kept: readonly string[]): HttpCase {
  const result = random.next() < 0.02 ? Buffer.concat([bytes, Buffer.from(random.pick(WORDS))]) : bytes
  const harmless = kept.every((one) => result.includes(one))
  return { bytes: harmless ? result : bytes, answers: undefined, head: false, authenticated: isAuthenticated(result) }
}

function oddHeaders(random: Random, place: Place): HttpCase {
  const { kept, ...parts } = request(random, place)
  const odd = Array.from({ length: 1 + random.below(3) }, () => random.pick(HEADERS))
  return loose(random, requestOf({ ...parts, headers: [...parts.headers, ...odd] }), kept)
}

function anyBytes(random: Random, place: Place): HttpCase {
  const { kept, ...parts } = request(random, place)
  const bytes = requestOf(parts)
  const end = bytes.indexOf('\r\n\r\n')
  // Mostly with the unchanged credential, or no code behind it would be reached.
  const also = random.next() < 0.8 ? [...parts.headers, `${parts.method} `] : []
  if (random.next() < 0.5) return loose(random, mutated(random, bytes, [...kept, ...also]), kept)
  const head = mutated(random, bytes.subarray(0, end), [
    ...kept.filter((one) => bytes.subarray(0, end).includes(one)),
    ...also,
  ])
  return loose(random, Buffer.concat([head, bytes.subarray(end)]), kept)
}

function cutOff(random: Random, place: Place): HttpCase {
  const bytes = requestOf(request(random, place))
  return loose(random, bytes.subarray(0, random.below(bytes.length)), [])
}

function several(random: Random, place: Place): HttpCase {
  const all = Array.from({ length: 2 + random.below(4) }, () => framed(random, place))
  const bytes = Buffer.concat(all.map((one) => one.bytes))
  return { bytes, answers: undefined, head: false, authenticated: isAuthenticated(bytes) }
}

const HANDSHAKE = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
]

function upgrade(random: Random): HttpCase {
  const headers = [...credential(random), ...HANDSHAKE.filter(() => random.next() < 0.9)]
  const query = random.pick([
    '',
    '?mode=shared',
    '?mode=x',
    '?since=1:2,3:4',
    '?token=x',
    `?flow=${random.pick(WORDS)}`,
  ])
  const path = random.pick(['/ws', '/ws', '/ws/', '/desktop/ws', '/files', '/runtimes/x/ws'])
  const target = `${path}${encodeURI(query.toWellFormed())}`
  const bytes = requestOf({ method: 'GET', target, headers, body: Buffer.from(random.pick(WORDS)) })
  return loose(random, random.next() < 0.5 ? mutated(random, bytes) : bytes, [])
}

function oddTarget(random: Random): HttpCase {
  const method = random.pick(['GET', 'OPTIONS', 'CONNECT', 'TRACE', 'PATCH', 'PRI', 'get'])
  const bytes = requestOf({ method, target: random.pick(TARGETS), headers: credential(random), body: Buffer.alloc(0) })
  return loose(random, bytes, [])
}

/** Requests to our own application only: the request line stays whole, or another port could be reached. */
function proxied(random: Random, { application }: Place): HttpCase {
  const method = random.pick(['GET', 'POST', 'PUT', 'DELETE'])
  const line = `${method} /proxy/${application}/${random.pick(['', 'a?b=c', 'stream'])} HTTP/1.1\r\n`
  const odd = Array.from({ length: random.below(3) }, () => random.pick(HEADERS))
  const body = Buffer.from(JSON.stringify(anyValue(random)) ?? '')
  const bytes = requestOf({ method, target: line.split(' ')[1] ?? '', headers: [...credential(random), ...odd], body })
  return loose(random, mutated(random, bytes, [line]), [line])
}
