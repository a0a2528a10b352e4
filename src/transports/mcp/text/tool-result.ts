// The answer of a tool (protocol.md#results, protocol.md#text-format): the body of REST as compact JSON in a text
// block, and the same object as `structuredContent` for callers since 2025-06-18. A failure is a result marked
// `isError` for a caller that negotiated, a JSON-RPC error for a bare one. Pure.

import type { Fault } from '../../../base/fault.ts'
import { jsonOf } from '../../../base/json-text.ts'
import { isLong, faultBody } from '../../reply.ts'
import { takesStructured, type Speaker } from '../protocol/revision.ts'
import { handlerRefusal, RPC, type RpcError } from '../protocol/json-rpc.ts'
import { JsonAsText } from '../protocol/wire.ts'

export interface ToolResult {
  readonly content: readonly { readonly type: 'text'; readonly text: string | JsonAsText }[]
  readonly structuredContent?: object
  readonly isError?: true
  readonly _meta?: Readonly<Record<string, object>>
}

/** Name of the facts in a result's `_meta`. */
export const FACTS_KEY = 'workspace-runtime/facts'

/** Returns the result. `body` is the whole REST body, `success: true` included. */
export function toolResult(body: object, speaker: Speaker): ToolResult {
  const text = isLong(body) ? new JsonAsText(body) : jsonOf(body)
  const content = [{ type: 'text', text }] as const
  return takesStructured(speaker) ? { content, structuredContent: body } : { content }
}

/**
 * Returns the result of a failure. It has no structured content, because clients hold that against the tool's output
 * schema, even in an error. The body of the failure is text, and stands in `_meta` for programs.
 */
export function toolFailure(fault: Fault, requestId: string): ToolResult {
  const body = faultBody(fault, requestId)
  return { content: [{ type: 'text', text: jsonOf(body) }], isError: true, _meta: { [FACTS_KEY]: body } }
}

/** Returns the error for a bare caller: -32602 for unreadable arguments, -32603 for a failure on the machine. */
export function bareFailure(fault: Fault, requestId: string): RpcError {
  const code = fault.code === 'bad_request' ? RPC.invalidParams : RPC.failed
  const { code: name, details, request_id } = faultBody(fault, requestId)
  return handlerRefusal(code, fault.message, {
    code: name,
    status: fault.status,
    ...(details && { details }),
    request_id,
  })
}
