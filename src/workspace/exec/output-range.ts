// Cuts a part out of a stream's output by absolute offsets. The caller keeps the cursor, so asking twice answers twice.
// If the beginning is no longer kept, the part begins later and says by how much. Pure.

import { leadingHalf, trailingHalf } from './output-text.ts'
import type { Excerpt } from './task-output.ts'

interface OutputRange {
  readonly bytes: Buffer
  /** Offset of the first byte. */
  readonly from: number
  /** Offset behind the last byte, at which the next part begins. */
  readonly to: number
  /** Bytes that the stream has printed so far. */
  readonly total: number
  /** Bytes between the offset asked for and `from`: no longer kept. */
  readonly gap: number
}

export interface RangeRequest {
  /** First byte wanted. Negative: that many bytes before the end. Beyond the end: the end. */
  readonly offset: number
  readonly limit: number
  /** True if the part ends at a whole character, as far as its bytes are there or may still come. */
  readonly text: boolean
  /** True if more may be printed. */
  readonly running: boolean
}

/** Returns the range of a tail, which keeps the last `bytes` of `total`. */
export function rangeOf(tail: Excerpt, { offset, limit, text, running }: RangeRequest): OutputRange {
  const { total } = tail
  const first = total - tail.bytes
  const asked = Math.min(offset < 0 ? Math.max(0, total + offset) : offset, total)
  let from = Math.max(asked, first)
  let to = Math.min(total, from + limit)
  let bytes = cut(tail.pieces, from - first, to - first)
  // A cut that the caller did not choose may fall inside a character. An offset that it did choose stays as it is.
  const half = text && (offset < 0 || from > asked) ? leadingHalf(bytes) : 0
  from += half
  bytes = bytes.subarray(half)
  if (text && (to < total || running)) {
    bytes = bytes.subarray(0, bytes.byteLength - trailingHalf(bytes))
    to = from + bytes.byteLength
  }
  return { bytes, from, to, total, gap: offset < 0 ? 0 : from - asked }
}

/** Returns the bytes of `pieces` from one position to another. */
export function cut(pieces: readonly Buffer[], from: number, to: number): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (const piece of pieces) {
    if (at >= to) break
    if (at + piece.byteLength > from) parts.push(piece.subarray(Math.max(0, from - at), to - at))
    at += piece.byteLength
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
}
