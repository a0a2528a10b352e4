// Lines as bytes: cutting a range out of a stream of chunks, and putting numbers before lines. Pure, apart
// from giving the loop its turn.

import { isUtf8 } from 'node:buffer'
import { takeTurns } from '../../base/waiting.ts'

const LINE_FEED = 10
const TAB = 9
const ZERO = 48

/** Bytes handled in one step: about 1 ms. */
const STEP_BYTES = 256 * 1024

export interface LineRange {
  /** 1-based, inclusive; `last` may be Infinity. */
  readonly first: number
  readonly last: number
}

/** Which bytes of `chunk` belong to the range. `at.line` is the line its first byte is in, and moves on. */
export function cutLines(chunk: Uint8Array, at: { line: number }, range: LineRange): { from: number; to: number } {
  let { line } = at
  let i = 0
  while (i < chunk.byteLength && line < range.first) if (chunk[i++] === LINE_FEED) line++
  const from = i
  while (i < chunk.byteLength && line <= range.last) if (chunk[i++] === LINE_FEED) line++
  at.line = line
  return { from, to: i }
}

/** How many lines `bytes` holds; the last one need not end in a line feed. `feeds`: those that do. */
export function lineCount(bytes: Uint8Array, feeds: number): number {
  return bytes.byteLength > 0 && bytes[bytes.byteLength - 1] !== LINE_FEED ? feeds + 1 : feeds
}

/**
 * The whole lines among the first `limit` bytes; where not even one is, the beginning of the first, which ends between
 * two characters.
 */
export function firstLines(bytes: Uint8Array, limit: number): { bytes: Uint8Array; lines: number; cut: boolean } {
  const end = bytes.subarray(0, limit).lastIndexOf(LINE_FEED) + 1
  if (end === 0) return { bytes: bytes.subarray(0, characterEnd(bytes, limit)), lines: 1, cut: true }
  const kept = bytes.subarray(0, end)
  let lines = 0
  for (const byte of kept) if (byte === LINE_FEED) lines++
  return { bytes: kept, lines, cut: false }
}

/** `limit`, or where the character of UTF-8 begins that it would cut; what is no UTF-8 is cut where it is. */
function characterEnd(bytes: Uint8Array, limit: number): number {
  for (let at = limit - 1; at >= 0 && at > limit - 4; at--) {
    const byte = bytes[at] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    const length = sequenceLength(byte)
    return at + length > limit && isWhole(bytes, at, length) ? at : limit
  }
  return limit
}

/** Bytes of UTF-8 that begin with `first`; 1 for what begins none. */
function sequenceLength(first: number): number {
  return first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1
}

function isWhole(bytes: Uint8Array, at: number, length: number): boolean {
  const character = bytes.subarray(at, at + length)
  return character.length === length && isUtf8(character)
}

/** Bytes that numbers and tabs add to `lines` lines from `first` on. */
export function numberingBytes(first: number, lines: number): number {
  let sum = 0
  for (let from = first, end = first + lines; from < end;) {
    const digits = String(from).length
    const to = Math.min(end, 10 ** digits)
    sum += (to - from) * (digits + 1)
    from = to
  }
  return sum
}

/** `bytes` with "number, tab" before each line (protocol.md#files-read). `lines` is how many there are. */
export async function numberLines(bytes: Uint8Array, first: number, lines: number): Promise<Uint8Array> {
  const numbered = Buffer.allocUnsafe(bytes.byteLength + numberingBytes(first, lines))
  const turn = takeTurns()
  const at = { line: first, to: 0, begins: true }
  for (let from = 0; from < bytes.byteLength; from += STEP_BYTES) {
    numberStep(bytes.subarray(from, from + STEP_BYTES), numbered, at)
    await turn()
  }
  return numbered
}

function numberStep(bytes: Uint8Array, into: Uint8Array, at: { line: number; to: number; begins: boolean }): void {
  let { to, begins } = at
  for (let i = 0; i < bytes.byteLength; i++) {
    if (begins) to = putNumber(at.line++, into, to)
    const byte = bytes[i] ?? 0
    into[to++] = byte
    begins = byte === LINE_FEED
  }
  at.to = to
  at.begins = begins
}

/** Writes the digits of `number` and a tab; returns where they end. */
function putNumber(number: number, into: Uint8Array, to: number): number {
  const end = to + String(number).length
  for (let rest = number, i = end - 1; i >= to; i--, rest = Math.floor(rest / 10)) into[i] = ZERO + (rest % 10)
  into[end] = TAB
  return end + 1
}
