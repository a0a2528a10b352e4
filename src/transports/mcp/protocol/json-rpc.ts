// JSON-RPC 2.0 as MCP uses it: the kinds of a parsed body and the forms of an answer. Pure. An id is echoed with its
// type, so 0 and "" are ids like any other; null stands only where no id could be read.

export type RequestId = string | number
export type Params = Readonly<Record<string, unknown>>

export interface RpcRequest {
  readonly kind: 'request'
  readonly id: RequestId
  readonly method: string
  /** Parameters; empty if the message has none. */
  readonly params: Params
  /** True if `params` was an array: legal JSON-RPC that no method here takes. */
  readonly positional: boolean
}

export interface RpcNotification {
  readonly kind: 'notification'
  readonly method: string
  readonly params: Params
}

/** An answer to a question of the daemon; clients of the older revisions post it. */
export interface RpcResponse {
  readonly kind: 'response'
  readonly id: RequestId | null
  /** Result; undefined if the client answered with an error. */
  readonly result: unknown
}

export interface Malformed {
  readonly kind: 'malformed'
  readonly id: RequestId | null
  readonly sentence: string
}

export type Message = RpcRequest | RpcNotification | RpcResponse | Malformed

export interface Reply {
  readonly jsonrpc: '2.0'
  readonly id: RequestId | null
  readonly result?: object
  readonly error?: { readonly code: number; readonly message: string; readonly data?: object }
}

/** Returns the kind of a parsed body. */
export function classify(body: unknown): Message {
  if (Array.isArray(body)) return malformed(null, 'a batch came; accepted is one JSON-RPC message per request')
  if (!isObject(body)) return malformed(null, 'the body is not an object; accepted is one JSON-RPC 2.0 message')
  const hasId = Object.hasOwn(body, 'id')
  const id = readId(body['id'])
  if (body['jsonrpc'] !== '2.0') return malformed(id, 'jsonrpc is missing or not "2.0"')
  if (!Object.hasOwn(body, 'method')) {
    const answers = Object.hasOwn(body, 'result') || Object.hasOwn(body, 'error')
    return answers ? { kind: 'response', id, result: body['result'] } : malformed(id, 'method is missing')
  }
  const method = body['method']
  if (typeof method !== 'string') return malformed(id, 'method is not a string')
  if (hasId && id === null) return malformed(null, 'id is neither a string nor an integer that JSON carries exactly')
  const params = body['params'] ?? {}
  if (typeof params !== 'object') return malformed(id, 'params is neither an object nor left out')
  const positional = Array.isArray(params)
  const named = positional ? {} : withoutNulls(params as Params) // an object that is no array: JSON's only other shape
  if (id === null) return { kind: 'notification', method, params: named }
  return { kind: 'request', id, method, params: named, positional }
}

/** Returns the parameters that are not null: some clients send null for every parameter that they leave out. */
function withoutNulls(params: Params): Params {
  const entries = Object.entries(params)
  return entries.some(([, value]) => value === null)
    ? Object.fromEntries(entries.filter(([, value]) => value !== null))
    : params
}

export function resultReply(id: RequestId, result: object): Reply {
  return { jsonrpc: '2.0', id, result }
}

export function errorReply(id: RequestId | null, refusal: RpcError): Reply {
  const { code, message, data } = refusal
  return { jsonrpc: '2.0', id, error: data === undefined ? { code, message } : { code, message, data } }
}

/** Returns the refusal of a body that is no JSON. */
export function parseRefusal(sentence: string): RpcError {
  return { status: 400, code: RPC.parse, message: `Parse error: ${sentence}` }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function readId(value: unknown): RequestId | null {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null
}

function malformed(id: RequestId | null, sentence: string): Malformed {
  return { kind: 'malformed', id, sentence }
}

/** JSON-RPC errors of /mcp. Codes below -32000 are JSON-RPC's own; -3202x are the protocol's since 2026-07-28. */
export const RPC = {
  parse: -32700,
  invalidRequest: -32600,
  unknownMethod: -32601,
  invalidParams: -32602,
  failed: -32603,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const

type RpcCode = (typeof RPC)[keyof typeof RPC]

/**
 * An error with its HTTP status, from the table of the 2026-07-28 revision, or from protocol.md#statuses for older
 * callers. It is a value: the engine returns it and never throws it.
 */
export interface RpcError {
  readonly status: number
  readonly code: RpcCode
  readonly message: string
  readonly data?: object
  readonly headers?: Readonly<Record<string, string>>
}

/** Returns a refusal by the entry ladder, before any handler runs: only such a refusal has its own status. */
export function entryRefusal(code: RpcCode, message: string, more: { modern: boolean; data?: object }): RpcError {
  return { status: entryStatus(code, more.modern), code, message, ...(more.data && { data: more.data }) }
}

/** Returns a refusal by a handler; it travels inside a 200. */
export function handlerRefusal(code: RpcCode, message: string, data?: object): RpcError {
  return { status: 200, code, message, ...(data && { data }) }
}

/** Returns the refusal of parameters, as a handler answers it. */
export function badParams(message: string): { readonly refusal: RpcError } {
  return { refusal: handlerRefusal(RPC.invalidParams, message) }
}

/** Returns the status. Outside the modern era an unknown method is a 200 like every error but -32700 and -32600. */
function entryStatus(code: RpcCode, modern: boolean): number {
  if (code === RPC.unknownMethod) return modern ? 404 : 200
  return 400
}
