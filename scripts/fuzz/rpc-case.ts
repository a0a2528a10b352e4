// JSON-RPC bodies on /mcp in its three dialects: bare, with the headers and the envelope of the older revisions,
// and of the modern one. Fields are swapped for others, then perhaps bytes of the text.

import { asJson, someCall } from './calls.ts'
import { weighted, type Random } from './chance.ts'
import { anyValue, mutated, WORDS } from './mutation.ts'
import { credential, whole, type HttpCase, type Place } from './request.ts'

const METHODS = [
  'initialize',
  'ping',
  'tools/list',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
  'logging/setLevel',
  'server/discover',
  'subscriptions/listen',
  'notifications/initialized',
  'notifications/cancelled',
  'tools/unknown',
]

const LEGACY = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']
const MODERN = '2026-07-28'

type Dialect = 'bare' | 'legacy' | 'modern'

interface Message {
  /** Members of the message without `params`, which is text, since part of it is kept. */
  readonly method: string
  readonly name: string | undefined
  readonly params: string
  readonly kept: readonly string[]
}

export function rpcCase(random: Random, place: Place): HttpCase {
  const dialect = random.pick<Dialect>(['bare', 'legacy', 'modern'])
  const message = random.next() < 0.6 ? toolCall(random, place, dialect) : otherMethod(random, dialect)
  const headers = [...credential(random), ...headersOf(random, dialect, message)]
  const text = textOf(random, message)
  const body = random.next() < 0.5 ? mutated(random, Buffer.from(text), message.kept) : Buffer.from(text)
  const target =
    random.next() < 0.1 ? `/mcp?${random.pick(['format=text', 'toolsets=files', 'toolsets=x', '%'])}` : '/mcp'
  const method = random.next() < 0.97 ? 'POST' : random.pick(['GET', 'PUT', 'DELETE', 'HEAD'])
  return whole({ method, target, headers, body })
}

function toolCall(random: Random, place: Place, dialect: Dialect): Message {
  const call = someCall(random, place)
  const { text, kept } = asJson(call)
  const { name } = call.op
  const params = `{"name":${JSON.stringify(name)},"arguments":${text}${envelope(random, dialect)}}`
  return { method: 'tools/call', name, params, kept: [`"name":${JSON.stringify(name)}`, ...kept] }
}

function otherMethod(random: Random, dialect: Dialect): Message {
  const method = random.pick(METHODS)
  const name = random.pick(['AGENTS.md', 'file:///a', 'runtime://info', ...WORDS.slice(0, 12)])
  const fields: Record<string, unknown> = {
    ...(random.next() < 0.5 ? { name, uri: name } : {}),
    ...(method === 'initialize' ? { protocolVersion: random.pick([...LEGACY, MODERN, 7]), capabilities: {} } : {}),
    ...(method === 'logging/setLevel' ? { level: random.pick(['debug', 'x', 3]) } : {}),
    ...(method === 'completion/complete' ? { ref: anyValue(random), argument: anyValue(random) } : {}),
    ...(method.startsWith('subscriptions') ? { notifications: anyValue(random) } : {}),
    ...(method.startsWith('notifications') ? { requestId: random.below(9) } : {}),
    ...(random.next() < 0.3 ? { cursor: anyValue(random), arguments: anyValue(random) } : {}),
  }
  const text = JSON.stringify(fields)
  const more = envelope(random, dialect)
  return { method, name, params: `${text.slice(0, -1)}${text === '{}' ? more.slice(1) : more}}`, kept: [] }
}

/** Returns `,"_meta":…` of the dialect, right or nearly. */
function envelope(random: Random, dialect: Dialect): string {
  const token = random.next() < 0.2 ? { progressToken: anyValue(random) } : {}
  const modern = {
    'io.modelcontextprotocol/protocolVersion': random.next() < 0.9 ? MODERN : random.pick([...LEGACY, 1]),
    'io.modelcontextprotocol/clientInfo': random.next() < 0.9 ? { name: 'fuzz', version: '1' } : anyValue(random),
    'io.modelcontextprotocol/clientCapabilities': random.next() < 0.9 ? {} : anyValue(random),
  }
  const meta = dialect === 'modern' && random.next() < 0.95 ? { ...modern, ...token } : token
  return Object.keys(meta).length === 0 ? '' : `,"_meta":${JSON.stringify(meta)}`
}

function textOf(random: Random, { method, params }: Message): string {
  const id = weighted<unknown>(random, [
    [8, random.below(1000)],
    [2, String(random.below(9))],
    [1, anyValue(random)],
  ])
  const members = [
    random.next() < 0.97 ? '"jsonrpc":"2.0"' : `"jsonrpc":${JSON.stringify(anyValue(random))}`,
    ...(random.next() < 0.93 ? [`"id":${JSON.stringify(id)}`] : []),
    ...(random.next() < 0.97 ? [`"method":${JSON.stringify(method)}`] : []),
    `"params":${params}`,
    ...(random.next() < 0.03 ? [`"result":${JSON.stringify(anyValue(random))}`] : []),
  ]
  const text = `{${members.join(',')}}`
  return random.next() < 0.02 ? `[${text},${text}]` : text
}

function headersOf(random: Random, dialect: Dialect, { method, name }: Message): string[] {
  const clean = random.next() < 0.9
  const type = clean ? 'Content-Type: application/json' : random.pick(['Content-Type: text/plain', 'X: y'])
  if (dialect === 'bare') return [type]
  const accept = `Accept: ${clean ? 'application/json, text/event-stream' : random.pick(['*/*', 'text/html', ';q=0'])}`
  const session = random.next() < 0.1 ? [`Mcp-Session-Id: ${random.pick(['s1', 'x'.repeat(300)])}`] : []
  if (dialect === 'legacy') return [type, accept, `MCP-Protocol-Version: ${random.pick(LEGACY)}`, ...session]
  const named = name === undefined ? [] : [`Mcp-Name: ${clean ? name.replaceAll(/[^\x20-\x7e]/g, '_') : 'other'}`]
  return [
    type,
    accept,
    `MCP-Protocol-Version: ${MODERN}`,
    `Mcp-Method: ${clean ? method : 'ping'}`,
    ...named,
    ...session,
  ]
}
