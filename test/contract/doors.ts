// The doors to one operation: REST, and /mcp as a bare, a legacy and a modern caller. Each answers with the
// body that REST would send, so that one literal can be compared with all of them.

import type { Daemon } from '../support/daemon.ts'

export interface Answer {
  readonly ok: boolean
  /** HTTP status over REST; over MCP the JSON-RPC code of a bare failure, else 200. */
  readonly status: number
  readonly body: Record<string, unknown>
}

export interface Ask {
  readonly method: string
  readonly path: string
  readonly body?: object | string
  readonly tool?: string
  readonly args?: object
}

export type Door = (daemon: Daemon, ask: Ask) => Promise<Answer>

const rest: Door = async (daemon, ask) => {
  const type = typeof ask.body === 'string' ? { 'content-type': 'application/octet-stream' } : {}
  const { status, body } = await daemon.call(ask.method, ask.path, ask.body, type)
  return { ok: status < 300, status, body }
}

const params = (ask: Ask): object => ({ name: ask.tool, arguments: ask.args ?? {} })

const bare: Door = async (daemon, ask) => {
  const { body } = await daemon.call('POST', '/mcp', {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: params(ask),
  })
  if (body.error !== undefined) {
    const { message, data } = body.error
    const details = data.details === undefined ? {} : { details: data.details }
    const fault = { success: false, error: message, message, code: data.code, ...details, request_id: data.request_id }
    return { ok: false, status: body.error.code, body: fault }
  }
  return { ok: true, status: 200, body: JSON.parse(body.result.content[0].text) }
}

/** A negotiated call: the text and the structured form must be one and the same. */
function read(
  result: { content: { text: string }[]; structuredContent?: unknown; isError?: boolean },
  structured: boolean,
): Answer {
  const body = JSON.parse(result.content[0]?.text ?? 'null')
  const ok = result.isError !== true
  if (ok && structured && JSON.stringify(result.structuredContent) !== JSON.stringify(body)) {
    throw new Error(`structuredContent differs: ${JSON.stringify(result.structuredContent)}`)
  }
  return { ok, status: 200, body }
}

const legacy: Door = async (daemon, ask) => {
  const message = { jsonrpc: '2.0', id: 'a', method: 'tools/call', params: params(ask) }
  const { body } = await daemon.call('POST', '/mcp', message, {
    'mcp-protocol-version': '2025-06-18',
    accept: 'application/json, text/event-stream',
  })
  return read(body.result, true)
}

const modern: Door = async (daemon, ask) => {
  const version = '2026-07-28'
  const _meta = { 'io.modelcontextprotocol/protocolVersion': version, 'io.modelcontextprotocol/clientCapabilities': {} }
  const message = { jsonrpc: '2.0', id: 0, method: 'tools/call', params: { ...params(ask), _meta } }
  const { body } = await daemon.call('POST', '/mcp', message, {
    'mcp-protocol-version': version,
    'mcp-method': 'tools/call',
    'mcp-name': ask.tool ?? '',
    accept: 'application/json, text/event-stream',
  })
  return read(body.result, true)
}

export const DOORS: Readonly<Record<string, Door>> = {
  REST: rest,
  'bare MCP': bare,
  'legacy MCP': legacy,
  'modern MCP': modern,
}

/** What differs from run to run, by the form it must have; each becomes its mark. */
const VOLATILE: Readonly<Record<string, { readonly form: RegExp; readonly mark: string }>> = {
  modified: { form: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, mark: '<time>' },
  created_at: { form: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, mark: '<time>' },
  started_at: { form: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, mark: '<time>' },
  exited_at: { form: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, mark: '<time>' },
  request_id: { form: /^[0-9a-f]{16}-[0-9a-z]+$/, mark: '<request>' },
  id: { form: /^\d+$/, mark: '<id>' },
  life: { form: /^[A-Za-z0-9_-]{8}$/, mark: '<life>' },
  pid: { form: /^\d+$/, mark: '<pid>' },
  cursor: { form: /^[0-9a-f]+-\d+-\d+$/, mark: '<cursor>' },
  guest_pid: { form: /^\d+$/, mark: '<pid>' },
  cpu_user_ms: { form: /^\d+(\.\d+)?$/, mark: '<ms>' },
  cpu_system_ms: { form: /^\d+(\.\d+)?$/, mark: '<ms>' },
  version: { form: /^ripgrep \d+\.\d+\.\d+$/, mark: '<ripgrep>' },
}

/** The body with what differs from run to run replaced by marks, and the test's folder by `<dir>`. */
export function settled(value: unknown, directory: string, key = ''): unknown {
  const volatile = VOLATILE[key]
  if (volatile !== undefined && (typeof value === 'string' || typeof value === 'number')) {
    return volatile.form.test(String(value)) ? volatile.mark : value
  }
  if (typeof value === 'string') return value.replaceAll(directory, '<dir>').replace(/^\/exec\/\d+\?/, '/exec/<id>?')
  if (Array.isArray(value)) return value.map((item) => settled(item, directory))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, settled(item, directory, name)]))
}
