// The door itself: credentials, scopes, methods, media types, sizes, origins. What holds for every route is asked of
// every route that the API description names, and stored as a table of status and code.

import { TOKEN } from '../../support/daemon.ts'
import { jwtOf } from '../../support/jwt.ts'
import { AUTHORIZED, DIALECTS, rpc, type Exchanges, type World } from '../doors.ts'
import { ask, type Answer, type Ask } from '../reading.ts'

/** Of a gateway's user, for an hour. */
export const limitedToken = (scope: string): string =>
  jwtOf({ sub: 'corpus', exp: Math.floor(Date.now() / 1000) + 3600, scope })
const limitedTo = (scope: string): Record<string, string> => ({
  ...AUTHORIZED,
  authorization: `Bearer ${limitedToken(scope)}`,
})

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': Buffer.alloc(16).toString('base64'),
}
const get = (path: string, headers: Record<string, string> = {}): Ask => ({
  method: 'GET',
  path,
  headers: { ...AUTHORIZED, ...headers },
})
const post = (path: string, body: string, headers: Record<string, string> = {}): Ask => ({
  method: 'POST',
  path,
  body,
  headers: { ...AUTHORIZED, ...headers },
})
const call = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

// A table: one exchange a line.
// prettier-ignore
const ASKS: Readonly<Record<string, Ask>> = {
  'no credential': { method: 'GET', path: '/runtime' },
  'another scheme': get('/runtime', { authorization: 'Basic eA==' }),
  'a wrong token': get('/runtime', { authorization: 'Bearer wrong' }),
  'a JWT that has expired': get('/runtime', { authorization: `Bearer ${jwtOf({ sub: 'corpus', exp: 1 })}` }),
  'a scope that does not suffice': get('/exec', limitedTo('files:read')),
  'a token in the query, where none is taken': { method: 'GET', path: `/runtime?token=${TOKEN}` },
  'nothing there': get('/nowhere'),
  'a method that is not there': { ...get('/files'), method: 'DELETE' },
  HEAD: { ...get('/runtime'), method: 'HEAD' },
  'no JSON': post('/exec', '{'),
  'JSON that is no object': post('/exec', '[1]'),
  'no UTF-8': { ...post('/exec', ''), body: Buffer.of(0x22, 0xff, 0x22) },
  'too deep': post('/exec', '['.repeat(5000)),
  'a body too long': post('/files/write', JSON.stringify({ path: 'x', content: 'x'.repeat(70_000) })),
  'another media type': post('/exec', '{"command":["true"]}', { 'content-type': 'application/xml' }),
  'another charset': post('/exec', '{}', { 'content-type': 'application/json; charset=utf-16' }),
  'an encoded body': post('/exec', '{}', { 'content-encoding': 'gzip' }),
  'another host': get('/runtime', { host: 'evil.example' }),
  'an origin that is not allowed': get('/runtime', { origin: 'https://evil.example' }),
  'an origin that is allowed': get('/runtime', { origin: 'https://ide.example' }),
  'a preflight that is allowed': { method: 'OPTIONS', path: '/files', headers: { origin: 'https://ide.example', 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' } },
  'a preflight that is not allowed': { method: 'OPTIONS', path: '/files', headers: { origin: 'https://evil.example', 'access-control-request-method': 'GET' } },
  'ws without a credential': { method: 'GET', path: '/ws', headers: UPGRADE },
  'ws of a scope that has neither terminals nor watchers': { method: 'GET', path: '/ws', headers: { ...limitedTo('files:read'), ...UPGRADE } },
  'ws without an upgrade': get('/ws'),
  'ws of another version': get('/ws', { ...UPGRADE, 'sec-websocket-version': '8' }),
  'ws with a bad key': get('/ws', { ...UPGRADE, 'sec-websocket-key': 'x' }),
  'ws in an unknown mode': get('/ws?mode=mine', UPGRADE),
  'ws with an unknown flow': get('/ws?flow=fast', UPGRADE),
  'ws since nothing': get('/ws?since=x', UPGRADE),
  'ws of the desktop': get('/desktop/ws', UPGRADE),
  'the desktop': get('/desktop'),
  'the desktop by its address alone': { method: 'GET', path: `/desktop?token=${TOKEN}` },
  'the desktop enabled': post('/desktop/enable', '{}'),
  'a session of the desktop': get('/desktop/sessions/1'),
  'a session of the desktop started': post('/desktop/sessions/1/start', '{}'),
  'the desktop of another runtime': get('/runtimes/local/desktop'),
  'an upgrade that is not there': get('/files', UPGRADE),
  'mcp looked at': get('/mcp'),
  'mcp by DELETE': { ...get('/mcp'), method: 'DELETE' },
  'mcp without a credential': { method: 'POST', path: '/mcp', body: call, headers: { 'content-type': 'application/json' } },
  'mcp in another media type': post('/mcp', call, { 'content-type': 'text/plain' }),
  'mcp with an Accept that rules all out': post('/mcp', call, { accept: 'image/png' }),
  'mcp no JSON': post('/mcp', '{'),
  'mcp a batch': post('/mcp', `[${call}]`),
  'mcp an empty object': post('/mcp', '{}'),
  'mcp a notification': post('/mcp', '{"jsonrpc":"2.0","method":"notifications/initialized"}'),
  'mcp an unknown revision': post('/mcp', call, { 'mcp-protocol-version': '1999-01-01' }),
  'mcp a modern header without its envelope': post('/mcp', call, { 'mcp-protocol-version': '2026-07-28', accept: 'application/json, text/event-stream' }),
  'mcp a message too long': post('/mcp', ' '.repeat(4 * 1024 * 1024 + 1)),
  'mcp an unknown format': post('/mcp?format=xml', call),
  'mcp an unknown toolset': post('/mcp?toolsets=nothing', call),
}

const verdict = ({ status, body }: Answer): string =>
  [status, body?.code ?? body?.error?.code].filter((part) => part !== undefined).join(' ')

export async function recordAccess({ plain, wide }: World): Promise<Exchanges> {
  const exchanges: Exchanges = {}
  const put = async (name: string, asked: Ask): Promise<void> => {
    const { 'content-type': _, authorization: _credential, ...headers } = asked.headers ?? {}
    const { method, path, body = '' } = asked
    const sent = body.length <= 100 ? String(body) : `<${body.length} bytes>`
    exchanges[name] = { ask: { method, path, headers, body: sent }, rest: await ask(plain.port, asked) }
  }
  for (const [name, asked] of Object.entries(ASKS)) await put(name, asked)
  exchanges['too many wrong tokens'] = { rest: await firstTooMany(wide.port) }
  await recordRoutes(plain.port, exchanges)
  for (const [dialect, how] of Object.entries(DIALECTS)) {
    const tools = (await rpc(plain.port, how, 'tools/list', {})).body.result.tools as { name: string }[]
    const table: Record<string, string> = {}
    for (const { name } of tools) {
      const limited = {
        ...how,
        headers: (method: string, tool: string) => ({ ...how.headers(method, tool), ...limitedTo('proxy') }),
      }
      table[name] = JSON.stringify(
        (await rpc(plain.port, limited, 'tools/call', { name, arguments: {} })).body.error?.code ?? 'a result',
      )
    }
    exchanges[`each tool, with a token for proxy alone, ${dialect}`] = { table }
  }
  return exchanges
}

/** Of so many at once some fall into the same second. */
async function firstTooMany(port: number): Promise<Answer | undefined> {
  const wrong = Array.from({ length: 30 }, () => ask(port, get('/runtime', { authorization: 'Bearer wrong' })))
  return (await Promise.all(wrong)).find(({ status }) => status === 429)
}

async function recordRoutes(port: number, exchanges: Exchanges): Promise<void> {
  const { paths } = (await ask(port, get('/openapi.json'))).body as { paths: Record<string, object> }
  const methods = (item: object): string[] =>
    Object.keys(item).filter((key) => /^[a-z]+$/.test(key) && key !== 'parameters' && key !== 'options')
  const table = async (name: string, headers: Record<string, string>, choose = methods, body = ''): Promise<void> => {
    const verdicts: Record<string, string> = {}
    for (const [path, item] of Object.entries(paths)) {
      for (const method of choose(item)) {
        const asked = { method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, '1'), headers, body }
        verdicts[`${asked.method} ${path}`] = verdict(await ask(port, asked))
      }
    }
    exchanges[`each route, ${name}`] = { table: verdicts }
  }
  await table('without a credential', {})
  await table('with a token for proxy alone', limitedTo('proxy'))
  await table('with a token for watch alone', limitedTo('watch'), (item) =>
    methods(item).filter((method) => method !== 'delete'),
  )
  const absent = (item: object): string[] =>
    ['put', 'patch', 'delete'].filter((method) => !(method in item)).slice(0, 1)
  await table('by a method that it has not', AUTHORIZED, absent)
  const sending = (item: object): string[] =>
    methods(item).filter((method) => ['post', 'put', 'patch'].includes(method))
  await table('with a body that is no JSON', AUTHORIZED, sending, '{')
}
