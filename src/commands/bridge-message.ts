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

/** The messages of a line: most have one; clients of 2025-03-26 may send several as a batch, which go one by one. */
export function messagesIn(text: string): readonly string[] {
  if (!text.startsWith('[')) return [text]
  try {
    const batch: unknown = JSON.parse(text)
    return Array.isArray(batch) && batch.length > 0 ? batch.map((one) => JSON.stringify(one)) : [text]
  } catch {
    return [text] // the daemon says what is wrong with it
  }
}

/** The reply with the id of what it answers: the daemon leaves it out where it refused before it had read the id. */
export function withId(text: string, id: RequestId | undefined): string {
  if (id === undefined || !text.startsWith('{"jsonrpc":"2.0","id":null,')) return text
  return JSON.stringify({ ...(JSON.parse(text) as object), id })
}

/** True for what ends an exchange; notifications and questions go ahead of it. */
export function isReply(text: string): boolean {
  return /^\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"/.test(text)
}

/** `agreed`: the revision of the handshake, once there was one. */
export function headersFor(message: Outgoing | undefined, agreed: string | undefined): Record<string, string> {
  const base = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    // A client of stdio that quits has no other way to end what it has started.
    'x-mcp-cancel-on-close': '1',
  }
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
