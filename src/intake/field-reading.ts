// Turns text from outside into a list, a command or variables, by one rule for each kind of field, with any name
// (protocol.md#tolerant-input). An array stays as it is; only a single string is split at commas. Text that cannot be
// written as UTF-8 is refused in every field: the system would get other text than the client sent. Pure.

import { quote, refuse } from '../base/fault.ts'
import { LongText } from '../base/long-text.ts'

/** Returns the value with text in place of each LongText, at the top or one level below: the field takes none. */
export function asText(value: unknown): unknown {
  if (isLong(value)) return String(value)
  if (Array.isArray(value)) return value.some(isLong) ? value.map(textIfLong) : value
  if (typeof value !== 'object' || value === null || !Object.values(value).some(isLong)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, textIfLong(item)]))
}

function isLong(value: unknown): value is LongText {
  return value instanceof LongText
}

function textIfLong(value: unknown): unknown {
  return isLong(value) ? String(value) : value
}

/** Throws if a string of the field, at any place where fields have text, has half of a surrogate pair alone. */
export function refuseHalves(name: string, value: unknown): void {
  for (const [place, text] of textsOf(name, value)) {
    if (text.isWellFormed()) continue
    const sentence = `${place} contains a lone surrogate, which UTF-8 cannot express`
    throw refuse(name, `${sentence}; accepted is text of whole characters`)
  }
}

function* textsOf(name: string, value: unknown): Generator<readonly [place: string, text: string]> {
  if (typeof value === 'string') yield [name, value]
  else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) if (typeof item === 'string') yield [`${name}[${i}]`, item]
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield [`a name in ${name}`, key]
      if (typeof item === 'string') yield [`${name}.${key}`, item]
    }
  }
}

/** Reads a list: an array as it is, the JSON text of an array of strings, or one string with commas. */
export function readList(name: string, value: unknown): unknown {
  const items = typeof value === 'string' ? (arrayIn(value) ?? splitList(unlikeArray(name, value))) : value
  if (Array.isArray(items)) refuseNul(name, items, 'which no name can have')
  return items
}

/**
 * Returns the text; throws for an array with single quotes or a comma at its end, which other languages write and JSON
 * refuses. Split at commas it would give names that match nothing, and a model takes an empty answer for a fact.
 */
function unlikeArray(name: string, text: string): string {
  if (!/^\s*\[\s*(['"])[^]*\1\s*,?\s*\]\s*$/.test(text)) return text
  const sentence = `${name} is ${quote(text)}, which is an array in another notation than JSON; accepted is an array, its JSON text (["a","b"]), or one string, which is split at commas`
  throw refuse(name, sentence, text)
}

/** Reads a command: an array of arguments, its JSON text, or one string. */
export function readArgv(name: string, value: unknown): unknown {
  const words = typeof value === 'string' ? (arrayIn(value) ?? [value]) : value
  if (!Array.isArray(words)) return words
  if (words.length === 0 || words[0] === '') {
    throw refuse(name, `${name} is empty; accepted is a command as an array of arguments, or as one string`, value)
  }
  refuseNul(name, words, 'which no argument can carry')
  return words
}

/** Reads paths: an array, its JSON text, or one path, whose commas are part of it. */
export function readItems(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return (typeof value === 'string' ? arrayIn(value) : undefined) ?? [value]
}

/**
 * Returns the array of which the string is the JSON text: clients and models send such strings for an array. An array
 * without any string, such as `[1]`, is a glob or a command like any other text.
 */
function arrayIn(text: string): readonly unknown[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined
  const value = parsed(text)
  if (!Array.isArray(value)) return undefined
  return value.length === 0 || value.some((item) => typeof item === 'string') ? value : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined // the text is not JSON
  }
}

/** Splits at commas, except inside braces: `*.{js,ts},*.go` is two globs. */
export function splitList(value: string): string[] {
  const items: string[] = []
  let end = value.length
  let inside = false
  // The loop runs from the end, so that it knows at each comma the next brace without looking ahead again.
  for (let at = value.length - 1; at >= 0; at--) {
    const char = value[at]
    if (char === '}') inside = true
    else if (char === '{') inside = false
    else if (char === ',' && !inside) {
      items.push(value.slice(at + 1, end))
      end = at
    }
  }
  items.push(value.slice(0, end))
  return items
    .toReversed()
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function refuseNul(name: string, items: readonly unknown[], why: string): void {
  const at = items.findIndex((item) => typeof item === 'string' && item.includes('\0'))
  if (at >= 0) throw refuse(name, `${name}[${at}] contains a NUL character, ${why}`)
}

/** Reads variables: an object, or its JSON text. Numbers and flags become text, as in a shell. */
export function readEnvironment(name: string, value: unknown): unknown {
  const named = typeof value === 'string' && value.trimStart().startsWith('{') ? (parsed(value) ?? value) : value
  if (typeof named !== 'object' || named === null || Array.isArray(named)) return value
  return Object.fromEntries(Object.entries(named).map(([key, item]) => [key, readVariable(name, key, item)]))
}

function readVariable(name: string, key: string, item: unknown): string {
  if (key === '' || /^[0-9]|[=\0]/.test(key)) {
    const accepted = 'accepted are names without "=" and NUL that do not begin with a digit'
    throw refuse(name, `${name} has a variable named ${quote(key)}; ${accepted}`, key)
  }
  // JSON would change an integer that it cannot carry exactly.
  const plain = typeof item === 'boolean' || (typeof item === 'number' && Math.abs(item) <= Number.MAX_SAFE_INTEGER)
  const text = plain ? String(item) : item
  if (typeof text === 'string' && !text.includes('\0')) return text
  throw refuse(name, `${name}.${key} is ${quote(item)}; accepted is a string without NUL`, item)
}
