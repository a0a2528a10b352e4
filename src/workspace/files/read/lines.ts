// Lines as bytes: cuts a range out of a stream of chunks, puts numbers before lines, and counts the lines of a file,
// for ranges from the end and to say how much follows a range (some 1 GB a second).

import { isUtf8 } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { takeTurns } from '../../../base/waiting.ts'
import { isPseudo, type RegularFile } from '../opening/regular-file.ts'

const LINE_FEED = 10
const TAB = 9
const ZERO = 48

/** Bytes numbered in one step: about 1 ms. */
const STEP_BYTES = 256 * 1024

export interface LineRange {
  /** 1-based, inclusive; `last` may be Infinity. */
  readonly first: number
  readonly last: number
}

/** Returns which bytes of `chunk` belong to the range. `at.line` is the line of its first byte, and moves on. */
export function cutLines(chunk: Uint8Array, at: { line: number }, range: LineRange): { from: number; to: number } {
  let { line } = at
  let i = 0
  while (i < chunk.byteLength && line < range.first) if (chunk[i++] === LINE_FEED) line++
  const from = i
  while (i < chunk.byteLength && line <= range.last) if (chunk[i++] === LINE_FEED) line++
  at.line = line
  return { from, to: i }
}

/** Returns the number of lines in `bytes`; the last one need not end in a line feed. `feeds`: lines that do. */
export function lineCount(bytes: Uint8Array, feeds: number): number {
  return bytes.byteLength > 0 && bytes[bytes.byteLength - 1] !== LINE_FEED ? feeds + 1 : feeds
}

/**
 * Returns the whole lines among the first `limit` bytes; if there is none, the beginning of the first line, which ends
 * between two characters.
 */
export function firstLines(bytes: Uint8Array, limit: number): { bytes: Uint8Array; lines: number; cut: boolean } {
  const end = bytes.subarray(0, limit).lastIndexOf(LINE_FEED) + 1
  if (end === 0) return { bytes: bytes.subarray(0, characterEnd(bytes, limit)), lines: 1, cut: true }
  const kept = bytes.subarray(0, end)
  let lines = 0
  for (const byte of kept) if (byte === LINE_FEED) lines++
  return { bytes: kept, lines, cut: false }
}

/**
 * Returns `limit`, or the start of the UTF-8 character that it would cut; bytes that are not UTF-8 are cut at `limit`.
 */
function characterEnd(bytes: Uint8Array, limit: number): number {
  for (let at = limit - 1; at >= 0 && at > limit - 4; at--) {
    const byte = bytes[at] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    const length = sequenceLength(byte)
    return at + length > limit && isWhole(bytes, at, length) ? at : limit
  }
  return limit
}

/** Returns the bytes of the UTF-8 character that `first` begins; 1 if it begins none. */
function sequenceLength(first: number): number {
  return first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1
}

function isWhole(bytes: Uint8Array, at: number, length: number): boolean {
  const character = bytes.subarray(at, at + length)
  return character.length === length && isUtf8(character)
}

/** Returns the bytes that numbers and tabs add to `lines` lines from `first` on. */
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

/** Returns `bytes` with "number, tab" before each of the `lines` lines (protocol.md#files-read). */
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

const CHUNK_BYTES = 256 * 1024
/** Bytes of a file whose lines are counted in passing: the answer should come within some 100 ms. */
const COUNTED_BYTES = 64 * 1024 * 1024

/** The fields that tell where a bounded read goes on. */
export interface Continuation {
  /** With maxBytes: lines of the whole file, unless it is too large to count them in passing. */
  readonly total_lines?: number
  /** With maxBytes: the first line not returned; absent at the end. */
  readonly next_line?: number
  /** With maxBytes: true if not even one line fitted and this is its beginning. */
  readonly line_cut?: true
}

/** Resolves with the lines of the first `size` bytes; the last one need not end in a line feed. */
async function lineTotal(handle: FileHandle, size: number, signal: AbortSignal): Promise<number> {
  const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, size)))
  let feeds = 0
  let last = LINE_FEED
  for (let at = 0; at < size;) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.byteLength, size - at), at)
    if (bytesRead === 0) break
    feeds += feedsIn(chunk.subarray(0, bytesRead))
    last = chunk[bytesRead - 1] ?? LINE_FEED
    at += bytesRead
  }
  return last === LINE_FEED ? feeds : feeds + 1
}

function feedsIn(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) count++
  return count
}

/** Resolves with the range, a first line that counts from the end made one that counts from the beginning. */
export async function fromEnd(
  { handle, stats }: RegularFile,
  range: LineRange | undefined,
  signal: AbortSignal,
): Promise<LineRange | undefined> {
  if (range === undefined || range.first > 0) return range
  const total = await lineTotal(handle, stats.size, signal)
  return { ...range, first: Math.max(1, total + 1 + range.first) }
}

/** Resolves with the lines of the file; undefined: counting would take too long. */
export async function totalOf({ handle, stats }: RegularFile, signal: AbortSignal): Promise<number | undefined> {
  if (isPseudo(stats) || stats.size > COUNTED_BYTES) return undefined
  return await lineTotal(handle, stats.size, signal)
}

/** Returns the continuation after a read. `ended`: the file ends with the lines that were read. */
export function moreOf(next: number, total: number | undefined, ended: boolean): Continuation {
  if (total === undefined) return ended ? {} : { next_line: next }
  return { total_lines: total, ...(next <= total ? { next_line: next } : {}) }
}
