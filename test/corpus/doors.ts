// A step is asked over REST and, where its operation is a tool, over /mcp as a bare, a legacy and a modern caller and
// in the result format `text`. A scenario is steps that need one another; each door begins it from a fresh folder.

import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TOKEN, type Daemon } from '../support/daemon.ts'
import { ask, type Answer } from './reading.ts'

type Fields = Readonly<Record<string, unknown>>

export interface World {
  readonly plain: Daemon
  /** With every toolset switched on, and with limits that are reached at once. */
  readonly wide: Daemon
  readonly folder: string
  /** What `{name}` in a step stands for. */
  readonly vars: Readonly<Record<string, string>>
}

export interface Step {
  readonly name: string
  /** The operation; its tool is called with `fields`. */
  readonly op: string
  /** Method and path; `:id` is the field of that name. */
  readonly http: string
  readonly fields?: Fields
  /** The tool's arguments where they are others; false: over REST alone. */
  readonly tool?: Fields | false
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Variables for the later steps, by the field of the answer. */
  readonly keep?: Readonly<Record<string, string>>
  /** What is stored of the body. */
  readonly read?: (body: unknown) => unknown
  readonly wide?: true
}

export interface Scenario {
  readonly name: string
  readonly steps: readonly Step[]
}

export type Exchanges = Record<string, Record<string, unknown>>

const STREAMS = { accept: 'application/json, text/event-stream' }
const MODERN = '2026-07-28'

interface Dialect {
  readonly query: string
  readonly headers: (method: string, name: string) => Readonly<Record<string, string>>
  readonly meta: Fields | undefined
}

/** How each caller of /mcp wraps a request. */
export const DIALECTS: Readonly<Record<'bare' | 'legacy' | 'modern', Dialect>> = {
  bare: { query: '', headers: () => ({}), meta: undefined },
  legacy: { query: '', headers: () => ({ ...STREAMS, 'mcp-protocol-version': '2025-06-18' }), meta: undefined },
  modern: {
    query: '',
    headers: (method: string, name: string) => ({
      ...STREAMS,
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(name === '' ? {} : { 'mcp-name': name }),
    }),
    meta: { 'io.modelcontextprotocol/protocolVersion': MODERN, 'io.modelcontextprotocol/clientCapabilities': {} },
  },
}
const TEXT: Dialect = { ...DIALECTS.legacy, query: '?format=text' }
const TOOL_DOORS: Readonly<Record<string, Dialect>> = { ...DIALECTS, text: TEXT }
const ALL_SETS = 'toolsets=default,files,search,exec,terminal,watch'

export const AUTHORIZED = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }

/** One request over /mcp; its answer without the envelope that all of them have. */
export async function rpc(port: number, dialect: Dialect, method: string, params: Fields, sets = ''): Promise<Answer> {
  const message = { jsonrpc: '2.0', id: 1, method, params: dialect.meta ? { ...params, _meta: dialect.meta } : params }
  const query = [dialect.query.slice(1), sets].filter((part) => part !== '').join('&')
  const answer = await ask(port, {
    method: 'POST',
    path: `/mcp${query === '' ? '' : '?'}${query}`,
    headers: { ...AUTHORIZED, ...dialect.headers(method, String(params['name'] ?? params['uri'] ?? '')) },
    body: JSON.stringify(message),
  })
  // On a busy machine the answer of any call may come as a stream, which ends with it.
  const headers = Object.fromEntries(
    Object.entries(answer.headers).filter(([header]) => /^(mcp-|retry-after|www-)/.test(header)),
  )
  const { jsonrpc: _, id: _id, ...body } = Array.isArray(answer.body) ? answer.body.at(-1).data : answer.body
  return { status: answer.status, headers, body: opened(body) }
}

/** Text that is JSON is stored as what it says. */
function opened(value: unknown, key = ''): unknown {
  if (typeof value === 'string' && key === 'text') return parsed(value)
  if (Array.isArray(value)) return value.map((item) => opened(item))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, item]) => [name, opened(item, name)] as const)
  return Object.fromEntries(entries)
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : text
  } catch {
    return text
  }
}

function placed<T>(value: T, vars: Readonly<Record<string, string>>): T {
  if (typeof value === 'string') return value.replaceAll(/\{(\w+)\}/g, (all, name: string) => vars[name] ?? all) as T
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map((item: unknown) => placed(item, vars)) as T
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, placed(item, vars)])) as T
}

async function overRest(port: number, step: Step): Promise<Answer> {
  const [method = '', pattern = ''] = step.http.split(' ')
  const rest: Record<string, unknown> = { ...step.fields }
  let path = pattern.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = String(rest[name])
    delete rest[name]
    return encodeURIComponent(value)
  })
  const inQuery = step.body !== undefined || method === 'GET' || method === 'DELETE'
  const query = Object.entries(rest).map(([key, value]) => [key, String(value)] as [string, string])
  if (inQuery && query.length > 0) path += `?${new URLSearchParams(query).toString()}`
  const body = step.body ?? (inQuery || method === 'HEAD' ? undefined : JSON.stringify(rest))
  const headers = { ...AUTHORIZED, ...step.headers }
  return await ask(port, { method, path, headers, ...(body === undefined ? {} : { body }) })
}

async function overTool(port: number, dialect: Dialect, step: Step): Promise<Answer> {
  const { op: name, fields, tool } = step
  const answer = await rpc(port, dialect, 'tools/call', { name, arguments: tool || (fields ?? {}) }, ALL_SETS)
  if (dialect !== TEXT) return answer
  const content = (answer.body.result?.content ?? []) as { type: string; text?: unknown }[]
  const words = content.map(({ text, ...other }) =>
    typeof text === 'string' ? { ...other, text_for_models: text } : { ...other, text },
  )
  return { ...answer, body: { ...answer.body, result: { ...answer.body.result, content: words } } }
}

/** The contents of an answer, without the form of its door. */
function valueOf(door: string, { body }: Answer): Record<string, unknown> {
  if (door === 'rest') return body
  const { structuredContent, _meta, content } = body.result ?? {}
  return structuredContent ?? (door === 'text' ? _meta?.['workspace-runtime/facts'] : content?.[0]?.text) ?? {}
}

/** The folder that each scenario begins with. */
export function layOut(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  for (const name of ['src', 'empty', 'prompts']) {
    mkdirSync(join(folder, name), { recursive: true })
    chmodSync(join(folder, name), 0o755)
  }
  const files: Record<string, string | Uint8Array> = {
    'src/a.js': 'const a = 1\nfind me\nend\n',
    'b.txt': 'find you\n',
    'x.log': 'find nothing: ignored\n',
    '.gitignore': '*.log\n',
    'bytes.bin': Buffer.of(0xff, 0, 0xfe, 1),
    'long.txt': Array.from({ length: 300 }, (_, i) => `line ${i + 1}\n`).join(''),
    'prompts/review.md': '---\ntitle: Review\ndescription: Reviews a file\n---\nReview {{file}}.\n',
  }
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content)
    chmodSync(join(folder, name), 0o644)
  }
  symlinkSync('b.txt', join(folder, 'link'))
}

export async function runScenarios(world: World, scenarios: readonly Scenario[]): Promise<Exchanges> {
  const exchanges: Exchanges = {}
  for (const scenario of scenarios) {
    const overMcp = scenario.steps.some(({ tool }) => tool !== false)
    for (const door of ['rest', ...(overMcp ? Object.keys(TOOL_DOORS) : [])]) {
      layOut(world.folder)
      const vars: Record<string, string> = { ...world.vars }
      for (const step of scenario.steps) await runStep(world, { scenario, step, door, vars, exchanges })
    }
  }
  return exchanges
}

interface Run {
  readonly scenario: Scenario
  readonly step: Step
  readonly door: string
  readonly vars: Record<string, string>
  readonly exchanges: Exchanges
}

async function runStep(world: World, { scenario, step, door, vars, exchanges }: Run): Promise<void> {
  const { name, op, http, fields, tool, headers, body } = step
  const title = [scenario.name, name].filter((part) => part !== '').join(', ')
  const asked = { op, http, fields, tool, headers, body: body instanceof Uint8Array ? '<bytes>' : body }
  const entry = (exchanges[title] ??= { ask: asked })
  const { port } = step.wide ? world.wide : world.plain
  const [alone, dialect] = [tool === false, TOOL_DOORS[door]]
  // A step that is over REST alone is done for every door: the later ones need what it did.
  const answer =
    alone || dialect === undefined
      ? await overRest(port, placed(step, vars))
      : await overTool(port, dialect, placed(step, vars))
  for (const [variable, field] of Object.entries(step.keep ?? {})) {
    const value = field.startsWith('header ')
      ? answer.headers[field.slice(7)]
      : valueOf(alone ? 'rest' : door, answer)[field]
    vars[variable] = String(value)
  }
  if (alone && door !== 'rest') return
  entry[door] = step.read === undefined ? answer : { ...answer, body: step.read(answer.body) }
}
