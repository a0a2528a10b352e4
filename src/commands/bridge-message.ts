// One message on its way from stdio to HTTP: which headers its body asks for, in the era it speaks, and what a
// failure on the way is in JSON-RPC. Pure.

import { NAME_SOURCE } from '../transports/mcp/envelope.ts'
import { claimOf } from '../transports/mcp/era.ts'
import { isObject, type Params, type RequestId } from '../transports/mcp/json-rpc.ts'

export interface Outgoing {
  /** Undefined for notifications and responses. */
  readonly id: RequestId | undefined
  readonly method: string
  readonly params: Params
  /** The revision that the message itself names: the modern era. */
  readonly claim: string | undefined
}

/** What the message says of itself; undefined where it is none, which the daemon then says better. */
export function outgoing(text: string): Outgoing | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const { id, method } = value
  const params = isObject(value['params']) ? value['params'] : {}
  const claim = claimOf(params)?.version
  return {
    id: typeof method === 'string' && (typeof id === 'string' || typeof id === 'number') ? id : undefined,
    method: typeof method === 'string' ? method : '',
    params,
    claim: typeof claim === 'string' ? claim : undefined,
  }
}

/** `agreed`: the revision of the handshake, once there was one. */
export function headersFor(message: Outgoing | undefined, agreed: string | undefined): Record<string, string> {
  const base = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  if (message?.claim === undefined) {
    return agreed === undefined || message?.method === 'initialize' ? base : { ...base, 'mcp-protocol-version': agreed }
  }
  const source = NAME_SOURCE.get(message.method)
  const name = source === undefined ? undefined : message.params[source]
  return {
    ...base,
    'mcp-protocol-version': message.claim,
    'mcp-method': message.method,
    ...(typeof name === 'string' ? { 'mcp-name': headerValue(name) } : {}),
  }
}

/** Values that are not plain ASCII travel as base64 (2026-07-28, streamable HTTP). */
export function headerValue(value: string): string {
  const plain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith('=?base64?')
  return plain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

/** What the client is told where no answer came. */
export function failureLine(id: RequestId | null, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32603, message } })
}
