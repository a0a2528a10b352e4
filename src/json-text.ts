// JSON on its way out. A reply may hold parts that a worker thread has rendered already (JsonText); the
// rest is rendered here in slices, so that no reply, however long, holds the main loop (contract 18).

/** The JSON text of a T, rendered elsewhere, as UTF-8. Stands in an operation's output where a T belongs. */
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

/** Elements of an array that are rendered in one go; above it the array is rendered element by element. */
const ARRAY_AT_ONCE = 64

/**
 * The JSON of `value` in pieces: strings, and bytes where a JsonText stood. Joined they equal
 * `JSON.stringify(value)`. Objects and long arrays are opened down to their leaves and long strings cut, so
 * each piece is small.
 */
export function* jsonPieces(value: unknown): Generator<string | Uint8Array> {
  if (value instanceof JsonText) {
    yield* value.chunks
  } else if (Array.isArray(value) && (value.length > ARRAY_AT_ONCE || value.some(isNested))) {
    yield '['
    for (let i = 0; i < value.length; i++) {
      if (i > 0) yield ','
      yield* jsonPieces(value[i] ?? null)
    }
    yield ']'
  } else if (isNested(value)) {
    let separator = '{'
    for (const [key, item] of Object.entries(value as object)) {
      if (item === undefined) continue
      yield `${separator}${JSON.stringify(key)}:`
      yield* jsonPieces(item)
      separator = ','
    }
    yield separator === '{' ? '{}' : '}'
  } else if (isLongString(value)) {
    yield* stringPieces(value)
  } else {
    yield JSON.stringify(value) ?? 'null'
  }
}

/** Characters of a string that are rendered in one go. */
const STRING_AT_ONCE = 64 * 1024

function isLongString(value: unknown): value is string {
  return typeof value === 'string' && value.length > STRING_AT_ONCE
}

function* stringPieces(text: string): Generator<string> {
  yield '"'
  let start = 0
  while (start < text.length) {
    const last = text.charCodeAt(start + STRING_AT_ONCE - 1)
    // The halves of a surrogate pair stay together: alone each would be escaped.
    const end = start + STRING_AT_ONCE + (last >= 0xd800 && last <= 0xdbff ? 1 : 0)
    yield JSON.stringify(text.slice(start, end)).slice(1, -1)
    start = end
  }
  yield '"'
}

/** True for an object or array whose parts must be looked at one by one. */
function isNested(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return (
    Object.values(value).some((item) => (typeof item === 'object' && item !== null) || isLongString(item)) ||
    Array.isArray(value)
  )
}

/** True if a JsonText stands anywhere in the top two levels, where operations put them. */
export function holdsJsonText(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).some((item) => item instanceof JsonText)
}
