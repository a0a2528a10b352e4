// Sizes of values as JSON, in bytes of UTF-8, and the parts of values that fit into a number of bytes. Pure.

import { jsonOf } from './json-text.ts'

export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(jsonOf(value))
}

/** Returns the longest beginning of `text` whose JSON, with its quotes, has at most `room` bytes. */
export function headOf(text: string, room: number): string {
  let free = room - 2
  let end = 0
  while (end < text.length) {
    const code = text.codePointAt(end) ?? 0
    free -= bytesOf(code)
    if (free < 0) break
    end += code > 0xffff ? 2 : 1
  }
  return text.slice(0, end)
}

/** Returns the longest end of `text` whose JSON, with its quotes, has at most `room` bytes. */
export function tailOf(text: string, room: number): string {
  let free = room - 2
  let start = text.length
  while (start > 0) {
    const pair = start > 1 && (text.codePointAt(start - 2) ?? 0) > 0xffff
    free -= bytesOf((pair ? text.codePointAt(start - 2) : text.charCodeAt(start - 1)) ?? 0)
    if (free < 0) break
    start -= pair ? 2 : 1
  }
  return text.slice(start)
}

/** Returns the bytes of a character inside a JSON string as jsonOf writes it. */
function bytesOf(code: number): number {
  if (code === 0x22 || code === 0x5c) return 2
  if (code < 0x20) return code === 8 || code === 9 || code === 10 || code === 12 || code === 13 ? 2 : 6
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  if (code === 0x2028 || code === 0x2029 || (code >= 0xd800 && code <= 0xdfff)) return 6
  return code > 0xffff ? 4 : 3
}

/** Returns how many of the first items fit into `room` bytes, commas included. */
export function fittingItems(items: readonly unknown[], room: number): number {
  let free = room - 2
  const over = items.findIndex((item) => (free -= jsonBytes(item) + 1) < 0)
  return over === -1 ? items.length : over
}
