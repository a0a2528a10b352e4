// The length of a result. Clients bound what they receive: 1 MiB of one event in the Python SDK and fastmcp, 16 MiB in
// others; a longer result is lost. So a message has a budget, and a caller that takes more asks for it with
// `max_result_bytes`.

import { jsonPieces, JsonText } from '../../../base/json-text.ts'

export interface Budget {
  /** Bytes of the whole serialized message. */
  readonly message: number
  /** Bytes of one text field. */
  readonly text: number
}

/** Budget below the 1 MiB of the strictest clients, with room for the frame of an event. */
export const USUAL_BUDGET: Budget = { message: 900_000, text: 400_000 }
export const MOST_RESULT_BYTES = 16 * 1024 * 1024
/** Smallest budget: paths and other fields that cannot be cut must have room. */
export const LEAST_RESULT_BYTES = 16 * 1024

export function budgetOf(asked: number | undefined): Budget {
  return asked === undefined ? USUAL_BUDGET : { message: asked, text: asked }
}

/** Bytes around a result: the names of the fields, an id, and the additions of the modern era. */
const ENVELOPE = 1024

/** Time of rendering, in ms, after which other work of the event loop gets a turn. */
const TURN_MS = 8

/** Returns the length of a body in parts of the budget: above 1 it is too long by that factor. */
export async function excess(body: object, budget: Budget, structured: boolean): Promise<number> {
  const least = leastBytes(body)
  const copies = structured ? 2 : 1
  const atLeast = Math.max(least / budget.text, (least * copies) / budget.message)
  if (atLeast > 1) return atLeast // too long already, so it is not rendered
  let bytes = 0
  let escapes = 0
  let turn = performance.now()
  for (const piece of jsonPieces(body)) {
    bytes += Buffer.byteLength(piece)
    escapes += escapesIn(piece)
    if (performance.now() - turn < TURN_MS) continue
    await new Promise((resolve) => setImmediate(resolve))
    turn = performance.now()
  }
  const whole = ENVELOPE + bytes * copies + escapes
  return Math.max(bytes / budget.text, whole / budget.message)
}

/** Counts without rendering; the rendered body has at least as many bytes. */
function leastBytes(body: object): number {
  return Object.values(body).reduce<number>((sum, value: unknown) => {
    if (value instanceof JsonText) return sum + value.byteLength
    return typeof value === 'string' ? sum + value.length : sum
  }, 0)
}

/** Counts quotes and backslashes: each takes one byte more in JSON that is text inside JSON. */
function escapesIn(piece: string | Uint8Array): number {
  let count = 0
  for (let at = 0; at < piece.length; at++) {
    const code = typeof piece === 'string' ? piece.charCodeAt(at) : piece[at]
    if (code === 0x22 || code === 0x5c) count++
  }
  return count
}
