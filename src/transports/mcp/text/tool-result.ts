// What a tool answers (protocol.md#results, protocol.md#text-format): the body that REST sends, as compact JSON in a
// text block, and for callers since 2025-06-18 the same object as `structuredContent`. Failures are results marked
// `isError` for callers who negotiated, JSON-RPC errors for bare ones. Pure.

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

/** Where the facts stand in a result's `_meta`. */
export const FACTS_KEY = 'workspace-runtime/facts'

/** `body` is the whole REST body, `success: true` included. */
export function toolResult(body: object, speaker: Speaker): ToolResult {
  const text = isLong(body) ? new JsonAsText(body) : jsonOf(body)
  const content = [{ type: 'text', text }] as const
  return takesStructured(speaker) ? { content, structuredContent: body } : { content }
}

/**
 * Without structured content: clients hold that against the tool's output schema, even in an error. So the body of the
 * failure is text, and for programs in `_meta`.
 */
export function toolFailure(fault: Fault, requestId: string): ToolResult {
  const body = faultBody(fault, requestId)
  return { content: [{ type: 'text', text: jsonOf(body) }], isError: true, _meta: { [FACTS_KEY]: body } }
}

/** For bare callers: arguments that cannot be read are -32602; what fails on the machine as it is, -32603. */
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
