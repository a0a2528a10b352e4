// Parses request bodies above 1 MiB off the main thread (protocol.md#limits). Long strings go back as UTF-8 bytes whose
// memory is transferred, so that the main thread copies nothing large. A body with too many values, too much short text
// or too many levels is refused: receiving it would hold the main thread, or fail there.

import { mainPort } from '../base/port.ts'

export interface ParseRequest {
  readonly id: number
  readonly bytes: Uint8Array
}

export interface Parsed {
  readonly id: number
  /** `root` is the value of the body. */
  readonly box: { readonly root: unknown }
  /** Places below `box` with bytes for a long string; the copy of a message keeps which object is which. */
  readonly long: readonly LongPlace[]
}

interface LongPlace {
  readonly holder: Readonly<Record<string, unknown>>
  readonly key: string
}

export type ParseReply = Parsed | { readonly id: number; readonly problem: string }

/** Strings longer than this (UTF-16 units) travel as bytes. */
const LONG_STRING = 256 * 1024

/** Values of one body: no operation takes more, and receiving as many takes about 20 ms. */
const MOST_VALUES = 100_000

/** UTF-16 units of all names and short strings of one body, which are copied: receiving as many takes about 10 ms. */
const MOST_TEXT = 4 * 1024 * 1024

/** Levels of one body: no operation takes more than a dozen, and some 4,000 overflow the stack of the main thread. */
const MOST_LEVELS = 1000

const main = mainPort<ParseRequest, ParseReply>()
main.hear(({ id, bytes }) => {
  const reply = parse(id, bytes)
  const long = 'long' in reply ? reply.long : []
  main.say(
    reply,
    long.map(({ holder, key }) => (holder[key] as Uint8Array<ArrayBuffer>).buffer), // put there by lightenOne
  )
})

/** Decodes the body and gives its memory back at once: bodies would gather until the next collection. */
function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } finally {
    if (bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0)
  }
}

function parse(id: number, bytes: Uint8Array): ParseReply {
  let root: unknown
  try {
    root = JSON.parse(decoded(bytes))
  } catch (error) {
    return { id, problem: error instanceof Error ? error.message : String(error) }
  }
  const box = { root }
  const long: LongPlace[] = []
  const problem = lighten(box, long)
  return problem === undefined ? { id, box, long } : { id, problem }
}

/**
 * Replaces long strings by their bytes, in place; level by level, since nesting may be deep. Returns what is refused.
 */
function lighten(box: object, long: LongPlace[]): string | undefined {
  let level: Record<string, unknown>[] = [box as Record<string, unknown>]
  const sum = { values: 0, text: 0 }
  for (let levels = 0; level.length > 0; levels++) {
    if (levels > MOST_LEVELS) return `it nests deeper than ${MOST_LEVELS} levels`
    const below: Record<string, unknown>[] = []
    for (const holder of level) {
      for (const key of Object.keys(holder)) {
        if (++sum.values > MOST_VALUES) return `it holds more than ${MOST_VALUES} values`
        sum.text += key.length + lightenOne(holder, key, long, below)
        if (sum.text > MOST_TEXT) return `its names and shorter strings have more than ${MOST_TEXT} characters`
      }
    }
    level = below
  }
  return undefined
}

/** Replaces one value if it is a long string. Returns the characters that are copied to the main thread. */
function lightenOne(
  holder: Record<string, unknown>,
  key: string,
  long: LongPlace[],
  below: Record<string, unknown>[],
): number {
  const value = holder[key]
  if (typeof value === 'object' && value !== null) below.push(value as Record<string, unknown>)
  if (typeof value !== 'string') return 0
  if (value.length <= LONG_STRING || !value.isWellFormed()) return value.length > LONG_STRING ? 0 : value.length
  const encoded = new TextEncoder().encode(value)
  Object.defineProperty(holder, key, { value: encoded, enumerable: true }) // not by assignment: it may be `__proto__`
  long.push({ holder, key })
  return 0
}
