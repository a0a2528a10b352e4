// Renders JSON that leaves the daemon. A reply may hold parts that a worker thread has rendered already (JsonText); the
// rest is rendered here in slices, so that no reply, however long, blocks the main loop (protocol.md#limits). U+2028
// and U+2029 are escaped: they are no line breaks in an event stream, but several clients take them for some
// (modelcontextprotocol/typescript-sdk#1926) and lose the event. The value is the same. Pure.

/** JSON text of a T as UTF-8, rendered elsewhere. It stands in an operation's output in place of a T. */
export class JsonText<T> {
  readonly chunks: readonly Uint8Array[]
  declare readonly value: T // never set: keeps T in the type

  constructor(chunks: readonly Uint8Array[]) {
    this.chunks = chunks
  }

  get byteLength(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
  }
}

/** Elements of an array or object that are rendered in one go; larger ones are rendered element by element. */
const AT_ONCE = 64

/** Characters of a string that are rendered in one go: some 0.3 ms. */
const STRING_AT_ONCE = 64 * 1024

/**
 * Returns the JSON of `value` in pieces: strings, and bytes for a JsonText. Joined they equal `jsonOf(value)`. Objects
 * and long arrays are opened down to their leaves and long strings cut, so each piece is small.
 */
export function* jsonPieces(value: unknown): Generator<string | Uint8Array> {
  if (value instanceof JsonText) {
    yield* value.chunks
  } else if (typeof value === 'string' && value.length > STRING_AT_ONCE) {
    yield* stringPieces(value)
  } else if (isFlat(value)) {
    yield jsonOf(value)
  } else if (Array.isArray(value)) {
    yield '['
    for (let i = 0; i < value.length; i++) {
      if (i > 0) yield ','
      yield* jsonPieces(value[i] ?? null)
    }
    yield ']'
  } else {
    let separator = '{'
    for (const [key, item] of Object.entries(value as object)) {
      if (item === undefined) continue
      yield `${separator}${jsonOf(key)}:`
      yield* jsonPieces(item)
      separator = ','
    }
    yield separator === '{' ? '{}' : '}'
  }
}

/** True for a value that is rendered in one go: a leaf, or a short array or object of leaves. */
function isFlat(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  const parts: unknown[] = Array.isArray(value) ? value : Object.values(value)
  return parts.length <= AT_ONCE && parts.every(isShort)
}

function isShort(part: unknown): boolean {
  return typeof part === 'string' ? part.length <= STRING_AT_ONCE : typeof part !== 'object' || part === null
}

/** Returns pieces of a JSON string. The halves of a surrogate pair stay in one piece: alone each would be escaped. */
function* stringPieces(text: string): Generator<string> {
  yield '"'
  let start = 0
  while (start < text.length) {
    const last = text.charCodeAt(start + STRING_AT_ONCE - 1)
    const end = start + STRING_AT_ONCE + (last >= 0xd800 && last <= 0xdbff ? 1 : 0)
    yield jsonInside(text.slice(start, end))
    start = end
  }
  yield '"'
}

const SEPARATORS = /[\u2028\u2029]/g

/** Returns JSON.stringify of a value that is not undefined, with the two separators escaped. */
export function jsonOf(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  return text.search(SEPARATORS) === -1
    ? text
    : text.replace(SEPARATORS, (one) => (one === '\u2028' ? '\\u2028' : '\\u2029'))
}

/** Returns the inside of a JSON string, to be joined with more of it. */
export function jsonInside(text: string): string {
  return jsonOf(text).slice(1, -1)
}
