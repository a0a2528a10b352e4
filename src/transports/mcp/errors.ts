// The JSON-RPC errors of /mcp and the HTTP status each travels with (the table of the 2026-07-28 revision,
// and protocol.md#statuses for the older callers). A refusal is a value: the engine returns it, nothing throws it.

/** Codes below -32000 are JSON-RPC's own; -3202x are the protocol's since 2026-07-28. */
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

export type RpcCode = (typeof RPC)[keyof typeof RPC]

export interface Refusal {
  readonly status: number
  readonly code: RpcCode
  readonly message: string
  readonly data?: object
  readonly headers?: Readonly<Record<string, string>>
}

/** A refusal by the entry ladder, before any handler runs: only these have a status of their own. */
export function entryRefusal(code: RpcCode, message: string, more: { modern: boolean; data?: object }): Refusal {
  return { status: entryStatus(code, more.modern), code, message, ...(more.data && { data: more.data }) }
}

/** A refusal by a handler travels inside a 200. */
export function handlerRefusal(code: RpcCode, message: string, data?: object): Refusal {
  return { status: 200, code, message, ...(data && { data }) }
}

/** The refusal of parameters, as a handler answers it. */
export function badParams(message: string): { readonly refusal: Refusal } {
  return { refusal: handlerRefusal(RPC.invalidParams, message) }
}

/** Outside the modern era an unknown method is a 200 like every other error but -32700 and -32600. */
function entryStatus(code: RpcCode, modern: boolean): number {
  if (code === RPC.unknownMethod) return modern ? 404 : 200
  return 400
}
