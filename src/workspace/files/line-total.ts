// How many lines a file has, read in pieces: for ranges that count from the end, and to say how much follows
// a range. Some 1 GB a second.

import type { FileHandle } from 'node:fs/promises'
import type { LineRange } from './numbered-lines.ts'
import { isPseudo, type RegularFile } from './regular-file.ts'

const CHUNK_BYTES = 256 * 1024
const LINE_FEED = 10
/** Larger files are not counted in passing: the answer should come within some 100 ms. */
const COUNTED_BYTES = 64 * 1024 * 1024

/** Where a bounded read goes on. */
export interface Continuation {
  /** With maxBytes: lines of the whole file, unless it is too large to count them in passing. */
  readonly total_lines?: number
  /** With maxBytes: the first line not returned, where there is one. */
  readonly next_line?: number
  /** With maxBytes: not even one line fitted, this is its beginning. */
  readonly line_cut?: true
}

/** Lines of the first `size` bytes; the last one need not end in a line feed. */
export async function lineTotal(handle: FileHandle, size: number, signal: AbortSignal): Promise<number> {
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

/** The range with a first line that counts from the end made one that counts from the beginning. */
export async function fromEnd(
  { handle, stats }: RegularFile,
  range: LineRange | undefined,
  signal: AbortSignal,
): Promise<LineRange | undefined> {
  if (range === undefined || range.first > 0) return range
  const total = await lineTotal(handle, stats.size, signal)
  return { ...range, first: Math.max(1, total + 1 + range.first) }
}

/** Undefined where counting would take too long. */
export async function totalOf({ handle, stats }: RegularFile, signal: AbortSignal): Promise<number | undefined> {
  if (isPseudo(stats) || stats.size > COUNTED_BYTES) return undefined
  return await lineTotal(handle, stats.size, signal)
}

/** `ended`: the file ends with the lines that were read. */
export function moreOf(next: number, total: number | undefined, ended: boolean): Continuation {
  if (total === undefined) return ended ? {} : { next_line: next }
  return { total_lines: total, ...(next <= total ? { next_line: next } : {}) }
}
