// The methods of /mcp in its three dialects: each is asked rightly and wrongly in each, also where a dialect lacks it.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStream } from '../../support/events.ts'
import { AUTHORIZED, DIALECTS, layOut, rpc, type Exchanges, type World } from '../doors.ts'
import { ask } from '../reading.ts'

type Params = Readonly<Record<string, unknown>>

const named = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'corpus', version: '1' } }
const beginning = (value: string) => ({
  argument: { name: 'path', value },
  ref: { type: 'ref/resource', uri: 'file:///{path}' },
})

// A table: one exchange a line.
// prettier-ignore
const asks = (folder: string): readonly (readonly [string, string, Params, string?])[] => [
  ...['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2020-01-01'].map((version) => [version, 'initialize', { ...named, protocolVersion: version }] as const),
  ['no text as version', 'initialize', { ...named, protocolVersion: 1 }],
  ['', 'ping', {}],
  ['', 'server/discover', {}],
  ['', 'tools/list', {}],
  ['every toolset', 'tools/list', {}, 'toolsets=default,files,search,exec,terminal,watch'],
  ['reading alone, as text', 'tools/list', {}, 'readonly=1&format=text'],
  ['a cursor', 'tools/list', { cursor: 'x' }],
  ['an unknown tool', 'tools/call', { name: 'file_reed', arguments: {} }],
  ['no name', 'tools/call', {}],
  ['arguments that are none', 'tools/call', { name: 'file_read', arguments: [] }],
  ['an unknown argument', 'tools/call', { name: 'file_read', arguments: { path: `${folder}/b.txt`, pth: 1 } }],
  ['debug', 'logging/setLevel', { level: 'debug' }],
  ['unknown', 'logging/setLevel', { level: 'loud' }],
  ['', 'prompts/list', {}],
  ['a cursor', 'prompts/list', { cursor: 'x' }],
  ['review', 'prompts/get', { name: 'review', arguments: { file: 'a.js' } }],
  ['without its argument', 'prompts/get', { name: 'review' }],
  ['unknown', 'prompts/get', { name: 'nothing' }],
  ['', 'resources/list', {}],
  ['a cursor', 'resources/list', { cursor: 'x' }],
  ['', 'resources/templates/list', {}],
  ['a cursor', 'resources/templates/list', { cursor: 'x' }],
  ...['runtime://info', 'runtime://guide', 'runtime://openapi', `file://${folder}/b.txt`, `file://${folder}/bytes.bin`, `file://${folder}/no`, `file://${folder}/src`, 'exec://999/stdout', 'exec://999/stderr', 'terminal://200/scrollback', 'nothing://x'].map((uri) => [uri, 'resources/read', { uri }] as const),
  ['no uri', 'resources/read', {}],
  ['', 'resources/subscribe', { uri: 'runtime://info' }],
  ['', 'resources/unsubscribe', { uri: 'runtime://info' }],
  ['a path', 'completion/complete', beginning(`${folder.slice(1)}/s`)],
  ['of nothing', 'completion/complete', { ref: { type: 'ref/other' }, argument: { name: 'x', value: '' } }],
  ['no wish', 'subscriptions/listen', {}],
  ['', 'nothing/there', {}],
]

export async function recordProtocol(world: World): Promise<Exchanges> {
  const { plain, folder } = world
  layOut(folder)
  await ask(plain.port, { method: 'DELETE', path: '/exec', headers: AUTHORIZED })
  const exchanges: Exchanges = {}
  for (const [name, method, params, query] of asks(folder)) {
    const entry: Record<string, unknown> = { ask: { method, params, query } }
    for (const [dialect, how] of Object.entries(DIALECTS))
      entry[dialect] = await rpc(plain.port, how, method, params, query)
    exchanges[[method, name].filter((part) => part !== '').join(', ')] = entry
  }
  exchanges['subscriptions/listen, a file that changes'] = { messages: await listen(world) }
  return exchanges
}

/** The acknowledgement, one change, and the end. */
async function listen({ plain, folder }: World): Promise<unknown[]> {
  const { headers, meta } = DIALECTS.modern
  const notifications = { resourceSubscriptions: [`file://${folder}/b.txt`] }
  const message = { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params: { notifications, _meta: meta } }
  const stream = await openStream(`${plain.url}/mcp`, message, {
    ...AUTHORIZED,
    ...headers('subscriptions/listen', ''),
  })
  const acknowledged = await stream.next()
  writeFileSync(join(folder, 'b.txt'), 'changed')
  const changed = await stream.next()
  stream.drop()
  return [acknowledged, changed]
}
