// Which headers the proxy passes on (L-03, L-05), without a network: raw headers in, raw headers out.

import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { Fault } from '../../../src/base/fault.ts'
import {
  headersToApplication,
  headersToClient,
  keptTrailers,
  withoutBearers,
} from '../../../src/transports/proxy/headers.ts'

/** Returns a message as Node's parser would make it. */
function message(method: string, ...raw: string[]): IncomingMessage {
  const made = new IncomingMessage(new Socket())
  made.method = method
  made.rawHeaders = raw
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase()
    made.headers[name] = name in made.headers ? `${String(made.headers[name])}, ${raw[at + 1]}` : raw[at + 1]!
    const distinct = (made.headersDistinct[name] ??= [])
    if (distinct.at(-1) !== raw[at + 1]) distinct.push(raw[at + 1]!)
  }
  return made
}

const lines = (flat: readonly string[]): string[] =>
  flat.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${flat[at + 1]}`] : []))
const toApplication = (...raw: string[]): string[] =>
  lines(headersToApplication(message('GET', 'Host', 'us.example', ...raw), 'localhost:1', false))

t.test('L-03 credentials, our target and claims about the way stay here; ours are set', async (t) => {
  const got = toApplication(
    'authorization',
    'Bearer secret',
    'X-Oblien-Proxy-Target',
    '1',
    'Forwarded',
    'for=evil',
    'Expect',
    'x',
    'X-Forwarded-For',
    'evil',
    'x-forwarded-host',
    'evil',
    'X-FORWARDED-PORT',
    '1',
    'X-Forwarded-User',
    'root',
    'X_Forwarded_For',
    'evil',
    'x_oblien-proxy_target',
    '1',
    'Cookie',
    'mine=1',
    'X-a',
    '1',
    'x-A',
    '2',
    'Origin',
    'https://page.example',
  )
  t.same(got, [
    'Host: localhost:1',
    'Cookie: mine=1',
    'X-a: 1',
    'x-A: 2',
    'Origin: https://page.example',
    'X-Forwarded-For: ',
    'X-Forwarded-Host: us.example',
    'X-Forwarded-Proto: http',
    'Connection: close',
  ])
})

t.test('X-Forward-Authorization becomes Authorization, once', async (t) => {
  const got = toApplication('Authorization', 'Bearer ours', 'X-Forward-Authorization', 'Basic theirs')
  t.same(
    got.filter((line) => /authorization/i.test(line)),
    ['Authorization: Basic theirs'],
  )
  const two = ['X-Forward-Authorization', 'a', 'x-forward-authorization', 'b']
  t.throws(() => toApplication(...two), new Fault('bad_request', 'more than one'))
})

t.test('L-05 what belongs to one connection, or is named by Connection, goes no further', async (t) => {
  const got = toApplication(
    'Connection',
    'X-Foo, keep-alive',
    'X-Foo',
    '1',
    'Keep-Alive',
    'timeout=5',
    'TE',
    'trailers',
    'X-Bar',
    '2',
    'Proxy-Connection',
    'x',
    'Proxy-Authorization',
    'Basic x',
    'Upgrade',
    'h2c',
    'HTTP2-Settings',
    'AAA',
  )
  t.same(
    got.filter((line) => !/^(host|x-forwarded-)/i.test(line)),
    ['X-Bar: 2', 'Connection: close'],
  )
  const reply = message('', 'Connection', 'x-hop', 'X-Hop', '1', 'Set-Cookie', 'a', 'Set-Cookie', 'b', 'TE', 'x')
  t.same(lines(headersToClient(reply, 'other')), ['Set-Cookie: a', 'Set-Cookie: b'])
})

t.test('H-04 the length of a body is told from what the parser made of it, whatever Connection names', async (t) => {
  const post = (...raw: string[]): string[] =>
    lines(headersToApplication(message('POST', 'Host', 'x', ...raw), 'localhost:1', false)).slice(4)
  t.same(post('Connection', 'content-length', 'Content-Length', '5'), ['Connection: close', 'Content-Length: 5'])
  t.same(post('Transfer-Encoding', 'chunked'), ['Connection: close', 'Transfer-Encoding: chunked'])
  t.same(post(), ['Connection: close', 'Content-Length: 0'])
  t.throws(() => post('Transfer-Encoding', 'gzip, chunked'), { code: 'not_supported' })
  const reply = message('', 'Connection', 'content-length', 'Content-Length', '5')
  t.same(lines(headersToClient(reply, 'other')), ['Content-Length: 5'])
})

t.test('L-03 subprotocols that carry a credential are not offered to the application', async (t) => {
  t.same(withoutBearers(['chat, binary']), ['chat', 'binary'])
  t.same(withoutBearers(['base64url.bearer.authorization.k8s.io.c2VjcmV0, v4.channel.k8s.io']), ['v4.channel.k8s.io'])
  t.same(withoutBearers(['bearer, c2VjcmV0, chat']), ['chat'])
  t.same(withoutBearers(['chat', 'Bearer.c2VjcmV0']), ['chat'])
  t.same(withoutBearers(['forbearers']), ['forbearers'])
  const upgrade = message('GET', 'Host', 'x', 'Upgrade', 'websocket', 'Sec-WebSocket-Protocol', 'bearer.x')
  t.notMatch(lines(headersToApplication(upgrade, 'localhost:1', true)).join('\n'), /protocol|bearer/i)
})

t.test('L-09 a service worker cannot be given more than its own folder', async (t) => {
  t.same(headersToClient(message('', 'Service-Worker-Allowed', '/'), 'other'), [])
})

t.test('trailers: none that frames, authorises or sets a cookie', async (t) => {
  const raw = ['X-Sum', '1', 'Content-Length', '1', 'Authorization', 'x', 'Set-Cookie', 'a', 'transfer-encoding', 'x']
  t.same(keptTrailers(raw), [['X-Sum', '1']])
})
