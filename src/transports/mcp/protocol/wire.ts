// Writes a reply in pieces. The text of a tool result is itself JSON, so a long result needs that JSON escaped once
// more. The escaping takes the same pieces of which `structuredContent` is made, so that a listing of many megabytes is
// never one string and never holds the event loop (protocol.md#results). Pure.

import { jsonInside, jsonOf, JsonText, jsonPieces } from '../../../base/json-text.ts'

/** Value in the place of a string: the compact JSON of `value`, as text. */
export class JsonAsText {
  readonly value: object
  constructor(value: object) {
    this.value = value
  }
}

/** Characters that are escaped at once: some 0.2 ms. */
const SLICE = 32 * 1024

/** Characters that are rendered at once at most: some 1 ms. */
const LONG_TEXT = 256 * 1024

/** Depth of JsonAsText: it stands at reply.result.content[n].text and nowhere deeper. */
const DEEPEST = 4

/** Yields the JSON of a reply in pieces. */
export function* wirePieces(value: unknown, depth = 0): Generator<string | Uint8Array> {
  if (value instanceof JsonAsText) {
    yield '"'
    yield* escaped(jsonPieces(value.value))
    yield '"'
  } else if (depth >= DEEPEST || typeof value !== 'object' || value === null || value instanceof JsonText) {
    yield* jsonPieces(value)
  } else if (Array.isArray(value)) {
    yield '['
    for (let i = 0; i < value.length; i++) {
      if (i > 0) yield ','
      yield* wirePieces(value[i] ?? null, depth + 1)
    }
    yield ']'
  } else {
    let separator = '{'
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue
      yield `${separator}${jsonOf(key)}:`
      yield* wirePieces(item, depth + 1)
      separator = ','
    }
    yield separator === '{' ? '{}' : '}'
  }
}

/** True if a reply must leave in pieces, because it has text that is rendered late. */
export function isLongReply(reply: { readonly result?: object }): boolean {
  const contents = reply.result !== undefined && 'contents' in reply.result ? reply.result.contents : undefined
  if (Array.isArray(contents)) return contents.some((one: object) => Object.values(one).some(isLongText))
  const content = reply.result !== undefined && 'content' in reply.result ? reply.result.content : undefined
  return Array.isArray(content) && content.some((block: { text?: unknown }) => block.text instanceof JsonAsText)
}

/** True for contents of a resource that a worker rendered, or that are too long to render at once. */
function isLongText(value: unknown): boolean {
  return value instanceof JsonText || (typeof value === 'string' && value.length > LONG_TEXT)
}

/** Yields JSON text as the inside of a JSON string. */
export function* escaped(pieces: Iterable<string | Uint8Array>): Generator<string> {
  const decoder = new TextDecoder()
  let text = ''
  for (const part of slices(pieces)) {
    // Two chunks of bytes may share a character: the decoder keeps its beginning.
    text += typeof part === 'string' ? part : decoder.decode(part, { stream: true })
    if (text.length < SLICE) continue
    yield jsonInside(text)
    text = ''
  }
  yield jsonInside(text + decoder.decode())
}

function* slices(pieces: Iterable<string | Uint8Array>): Generator<string | Uint8Array> {
  for (const piece of pieces) {
    if (piece.length <= SLICE) {
      yield piece
      continue
    }
    let start = 0
    while (start < piece.length) {
      const end = typeof piece === 'string' ? wholeCharacters(piece, start + SLICE) : start + SLICE
      yield typeof piece === 'string' ? piece.slice(start, end) : piece.subarray(start, end)
      start = end
    }
  }
}

/** Returns an end that never splits a surrogate pair, whose halves would be escaped one by one. */
function wholeCharacters(text: string, end: number): number {
  const unit = text.charCodeAt(end - 1)
  return unit >= 0xd800 && unit <= 0xdbff ? end + 1 : end
}
