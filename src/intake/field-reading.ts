// How text that came from outside becomes a list, a command or variables, each by one rule for its kind of field,
// whatever the field's name (protocol.md#tolerant-input). An array is a list as it stands; only one string is split at
// commas. Text that cannot be written as UTF-8 is refused in every field: the system would be given other text than was
// sent. Pure.

import { quote, refuse } from '../base/fault.ts'
import { LongText } from '../base/long-text.ts'

/** Returns the value of a field that takes no LongText, with text in its place: in the value, or one level below. */
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

/** Throws where a string of the field, at any place where fields have text, has half of a surrogate pair alone. */
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

/** A list: an array as it stands, the JSON text of an array of strings, or one string with commas. */
export function readList(name: string, value: unknown): unknown {
  const items = typeof value === 'string' ? (arrayIn(value) ?? splitList(unlikeArray(name, value))) : value
  if (Array.isArray(items)) refuseNul(name, items, 'which no name can have')
  return items
}

/**
 * An array with single quotes or a comma at its end, as other languages write it, is no JSON. Split at commas it would
 * be names or globs that match nothing, and an empty answer reads like a fact.
 */
function unlikeArray(name: string, text: string): string {
  if (!/^\s*\[\s*(['"])[^]*\1\s*,?\s*\]\s*$/.test(text)) return text
  const sentence = `${name} is ${quote(text)}, which is an array in another notation than JSON; accepted is an array, its JSON text (["a","b"]), or one string, which is split at commas`
  throw refuse(name, sentence, text)
}

/** A command: an array of arguments, the JSON text of one, or one string. */
export function readArgv(name: string, value: unknown): unknown {
  const words = typeof value === 'string' ? (arrayIn(value) ?? [value]) : value
  if (!Array.isArray(words)) return words
  if (words.length === 0 || words[0] === '') {
    throw refuse(name, `${name} is empty; accepted is a command as an array of arguments, or as one string`, value)
  }
  refuseNul(name, words, 'which no argument can carry')
  return words
}

/** Paths: an array, the JSON text of one, or one path, whose commas are part of it. */
export function readItems(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return (typeof value === 'string' ? arrayIn(value) : undefined) ?? [value]
}

/**
 * The array that a string is the JSON text of: clients and models send such strings where the field takes an array. One
 * without any string in it, such as `[1]`, is a glob or a command like any other.
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
    return undefined // it only looks like JSON
  }
}

/** Splits at commas, except inside braces: `*.{js,ts},*.go` is two globs. */
export function splitList(value: string): string[] {
  const items: string[] = []
  let end = value.length
  let inside = false
  // From the end, so that each comma knows the brace that follows it without looking ahead again.
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

/** Variables: an object, or the JSON text of one. Numbers and flags are their text, as a shell would have it. */
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
  // An integer that JSON does not carry exactly would be another one.
  const plain = typeof item === 'boolean' || (typeof item === 'number' && Math.abs(item) <= Number.MAX_SAFE_INTEGER)
  const text = plain ? String(item) : item
  if (typeof text === 'string' && !text.includes('\0')) return text
  throw refuse(name, `${name}.${key} is ${quote(item)}; accepted is a string without NUL`, item)
}
