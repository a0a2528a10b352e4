// The two bodies every JSON answer has (protocol.md#replies): success as `{success:true, …}`, failure as the tolerant
// error body that every client generation understands. REST sends them as they are, MCP as text.

import type { Fault } from '../base/fault.ts'

/** The reply of an operation; `ignored` names request fields that meant nothing (protocol.md#tolerant-input). */
export function successBody(value: object, ignored: readonly string[] = []): Readonly<Record<string, unknown>> {
  return ignored.length === 0 ? { success: true, ...value } : { success: true, ...value, ignored }
}

export interface FaultBody {
  readonly success: false
  readonly error: string
  readonly message: string
  readonly code: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly request_id: string
}

export function faultBody(fault: Fault, requestId: string): FaultBody {
  return {
    success: false,
    error: fault.message,
    message: fault.message,
    code: fault.code,
    ...(fault.details === undefined ? {} : { details: fault.details }),
    request_id: requestId,
  }
}
