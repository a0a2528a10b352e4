// Types input from outside, once: aliases become canonical names, strings become numbers, flags and lists, defaults are
// filled in, and the result is checked against the operation's schema. After this file no input is `unknown`.

import { posix } from 'node:path'
import type { Static, TObject, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { bytesOfText } from '../base/bytes-text.ts'
import { Fault, quote, refuse } from '../base/fault.ts'
import { LongText } from '../base/long-text.ts'
import { nearest } from '../base/nearest.ts'
import type { ForeignSchema } from '../foreign/foreign-schema.ts'
import { readExtensions } from './extension-reading.ts'
import { asText, readArgv, readEnvironment, readItems, readList, refuseHalves } from './field-reading.ts'
import type { Operation } from '../operation.ts'
import { readPathBytes } from './path-bytes.ts'
import { PATH_BYTES, type Kind } from '../schema.ts'

export interface Intake<I> {
  readonly input: I
  /** Fields of the request that the operation does not know (protocol.md#tolerant-input). */
  readonly ignored: readonly string[]
}

export interface IntakeRules<I> {
  /** REST reports unknown fields, MCP refuses them with the nearest key. */
  readonly unknown: 'report' | 'refuse'
  /** Fields that the route sets; they beat the client's fields. */
  readonly fixed?: Partial<I> | undefined
  /** Defaults that beat the schema's. */
  readonly defaults?: Partial<I>
}

interface Field extends TSchema {
  readonly type?: string
  readonly kind?: Kind
  readonly default?: unknown
  readonly enum?: readonly unknown[]
}

/**
 * Reads `raw` as the input of `op`. Throws `bad_request`, which names the field, its value and what is accepted.
 * `workdir`: absolute directory to which relative paths belong.
 */
export function readInput<I extends TObject>(
  op: Operation<I>,
  raw: Readonly<Record<string, unknown>>,
  rules: IntakeRules<Static<I>>,
  workdir = '/',
): Intake<Static<I>> {
  if (op.foreignInput !== undefined) return { input: readForeign(op.foreignInput, raw) as Static<I>, ignored: [] }
  const fields = op.input.properties as Readonly<Record<string, Field>>
  const given = new Map<string, unknown>()
  const ignored: string[] = []
  // Only MCP refuses unknown fields, and it does not know the REST-only fields.
  const hidden: readonly string[] | undefined = rules.unknown === 'refuse' ? op.tool?.hidden : undefined
  for (const [key, value] of Object.entries(raw)) {
    const alias = op.aliases !== undefined && Object.hasOwn(op.aliases, key) ? op.aliases[key] : undefined
    const name = alias ?? key
    if (!Object.hasOwn(fields, name) || hidden?.includes(name) === true) ignored.push(key)
    else if (value !== undefined && value !== null && (alias !== undefined || !given.has(name))) given.set(name, value)
  }
  if (ignored.length > 0 && rules.unknown === 'refuse') throw unknownField(op, ignored[0] ?? '')

  const input: Record<string, unknown> = {}
  const exact = readPathBytes(fields, given)
  for (const [name, field] of Object.entries(fields)) {
    if (field.kind === 'path_bytes') continue
    const fixed = rules.fixed?.[name as keyof Static<I>]
    const came = given.has(name) ? given.get(name) : rules.defaults?.[name as keyof Static<I>]
    const bytes = exact.get(name)
    const value =
      fixed ??
      (bytes !== undefined
        ? readExact(`${name}_base64`, bytes, workdir)
        : came === undefined
          ? field.default
          : readWhole(name, field, came, workdir))
    if (value !== undefined) input[name] = value
  }
  if (Object.keys(fields).length > 0 && !validator(op.input).Check(withoutBytes(fields, input)))
    throw firstFailure(op, fields, withoutBytes(fields, input))
  return { input: input as Static<I>, ignored }
}

/** Levels of nesting that an input may have, the input itself included. */
const MOST_INPUT_DEPTH = 100

/**
 * Reads strictly, by a schema of another author: holds the input against it as the client sent it. No value is turned
 * into another type, no default is filled in, and the schema alone decides about unknown fields.
 */
function readForeign(schema: ForeignSchema, raw: Readonly<Record<string, unknown>>): unknown {
  const input = readValue(raw, 'input', 1)
  schema.check(input)
  return input
}

/** Returns a copy with text for the bytes that a worker parsed. Throws for half of a character and for deep nesting. */
function readValue(value: unknown, place: string, depth: number): unknown {
  if (depth > MOST_INPUT_DEPTH) {
    const sentence = `the input is nested more than ${MOST_INPUT_DEPTH} deep; accepted is a flatter one`
    throw refuse(place, sentence)
  }
  const text = value instanceof LongText ? asText(value) : value
  if (typeof text === 'string') refuseHalves(place, text)
  if (typeof text !== 'object' || text === null) return text
  if (Array.isArray(text)) return text.map((item, i) => readValue(item, `${place}[${i}]`, depth + 1))
  const entries = Object.entries(text).map(([name, item]) => {
    refuseHalves(`a name in ${place}`, name)
    return [name, readValue(item, depth === 1 ? name : `${place}.${name}`, depth + 1)] as const
  })
  return Object.fromEntries(entries)
}

/** Returns the input in the form that its schema checks: content in a LongText was checked when it was parsed. */
function withoutBytes(
  fields: Readonly<Record<string, Field>>,
  input: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const bytes = Object.entries(input).filter(
    ([name, value]) => value instanceof Uint8Array && fields[name]?.kind === 'content',
  )
  return bytes.length === 0 ? input : { ...input, ...Object.fromEntries(bytes.map(([name]) => [name, ''])) }
}

const compiled = new WeakMap<TSchema, ReturnType<typeof Compile>>()

/** Returns a validator, compiled at first use: start-up compiles no schema that is never used. */
function validator(schema: TSchema): { Check(value: unknown): boolean } {
  let check = compiled.get(schema)
  if (check === undefined) compiled.set(schema, (check = Compile(schema)))
  return check
}

/** Reads a field of any kind, and refuses halves of characters in it. */
function readWhole(name: string, field: Field, came: unknown, workdir: string): unknown {
  if (field.kind === 'content' && came instanceof LongText) return came.bytes // the JSON worker has checked it
  const value = readField(name, field, asText(came), workdir)
  refuseHalves(name, value)
  return value
}

/**
 * Reads tolerantly (protocol.md#tolerant-input). A value that cannot be read stays as it is, and the check refuses it.
 */
function readField(name: string, field: Field, value: unknown, workdir: string): unknown {
  switch (field.kind) {
    case 'path':
      return readPath(name, value, workdir)
    case 'paths':
      return readItems(value).map((item) => readPath(name, item, workdir))
    case 'list':
      return readList(name, value)
    case 'extensions':
      return readExtensions(name, value)
    case 'argv':
      return readArgv(name, value)
    case 'content':
      return value
    case 'env':
      return readEnvironment(name, value)
    case 'id':
      return typeof value === 'number' ? String(value) : value
    case 'path_bytes':
      return value
    case undefined:
      return readScalar(field.type, value)
  }
}

function readScalar(type: string | undefined, value: unknown): unknown {
  switch (type) {
    case 'boolean':
      if (value === 'true' || value === '1' || value === 1) return true
      if (value === 'false' || value === '0' || value === 0) return false
      return value
    case 'integer':
    case 'number':
      return typeof value === 'string' && /^-?\d{1,16}(\.\d{1,16})?$/.test(value) ? Number(value) : value
    case 'string':
      return typeof value === 'number' ? String(value) : value
    default:
      return value
  }
}

function readExact(name: string, came: string | readonly string[], workdir: string): unknown {
  return typeof came === 'string' ? readPath(name, came, workdir) : came.map((one) => readPath(name, one, workdir))
}

/** Returns the path absolute and normalised; a relative path is below `workdir`. */
function readPath(name: string, value: unknown, workdir: string): unknown {
  if (typeof value !== 'string') return value
  const wanted = `accepted is a path, absolute or below ${quote(workdir)}, without NUL, of at most ${PATH_BYTES} bytes`
  if (value === '') throw refuse(name, `${name} is empty; ${wanted}`, value)
  if (value.includes('\0')) throw refuse(name, `${name} contains a NUL character; ${wanted}`, value)
  // A shell's "~" and a URL are never meant as relative paths: a write would make directories of these names.
  if (/^(~[\w.-]*(\/|$)|[a-z][a-z0-9+.-]*:\/\/)/i.test(value)) {
    throw refuse(
      name,
      `${name} is ${quote(value)}, which is read as it stands here; ${wanted}; "./" in front says so`,
      value,
    )
  }
  const path = posix.resolve(workdir, value)
  const bytes = Math.max(bytesOfText(value).length, bytesOfText(path).length)
  if (bytes > PATH_BYTES) throw refuse(name, `${name} is ${bytes} bytes long; ${wanted}`)
  return path
}

function unknownField(op: Operation, name: string): Fault {
  const hidden = new Set<string>(op.tool?.hidden ?? [])
  const known = Object.keys(op.input.properties).filter((key) => !hidden.has(key))
  const close = nearest(name, [...known, ...Object.keys(op.aliases ?? {})])
  const hint = close === undefined ? '' : ` Did you mean ${quote(close)}?`
  const accepted = known.length === 0 ? 'it takes no arguments' : `accepted are ${known.join(', ')}`
  return refuse(name, `${quote(name)} is not an argument of ${op.name}; ${accepted}.${hint}`)
}

/** Returns a sentence about the first field that fails, in the schema's order. */
function firstFailure(
  op: Operation,
  fields: Readonly<Record<string, Field>>,
  input: Readonly<Record<string, unknown>>,
): Fault {
  for (const name of (op.input.required ?? []) as readonly string[]) {
    if (!(name in input)) {
      const others = Object.entries(op.aliases ?? {}).flatMap(([alias, of]) => (of === name ? [alias] : []))
      if (Object.hasOwn(fields, `${name}_base64`)) others.push(`${name}_base64`)
      const also = others.length === 0 ? '' : ` (also taken: ${others.join(', ')})`
      return refuse(name, `${name} is missing${also}; accepted is ${expectation(fields[name])}`)
    }
  }
  for (const [name, value] of Object.entries(input)) {
    const field = fields[name]
    if (field === undefined || validator(field).Check(value)) continue
    return refuse(name, `${name} is ${shown(value)}; accepted is ${expectation(field)}`, value)
  }
  return new Fault('bad_request', `the input does not fit ${op.name}`)
}

function shown(value: unknown): string {
  if (typeof value === 'string' && value.length > 100) return `a string of ${value.length} characters`
  if (Array.isArray(value) && value.length > 20) return `an array of ${value.length} elements`
  return quote(value)
}

/** Returns in words, made from its schema, what a field accepts. */
export function expectation(field: Field | undefined): string {
  if (field === undefined) return 'nothing'
  const { minimum, maximum, minLength, maxLength, maxItems, pattern } = field as Readonly<Record<string, unknown>>
  if (field.enum !== undefined) return `one of ${field.enum.map(quote).join(', ')}`
  switch (field.kind) {
    case 'path':
      return 'a path, absolute or below the working directory'
    case 'paths':
      return `an array of 1 to ${String(maxItems)} paths, absolute or below the working directory`
    case 'list':
      return `a list of at most ${String(maxItems)} strings, or one string, which is split at commas`
    case 'extensions':
      return `a list of at most ${String(maxItems)} file extensions, as in py, .py or *.py, or one string of them`
    case 'argv':
      return 'a command as an array of strings, or as one string'
    case 'env':
      return 'an object of strings'
    case 'id':
      return 'an id, a string'
    case 'content':
      return 'a string'
    case 'path_bytes':
      return 'base64 of the bytes of a path'
    case undefined:
  }
  if (field.type === 'integer' || field.type === 'number') {
    const noun = field.type === 'integer' ? 'an integer' : 'a number'
    return minimum === undefined ? noun : `${noun} from ${String(minimum)} to ${String(maximum)}`
  }
  if (field.type === 'boolean') return 'true or false'
  if (typeof pattern === 'string') return `a string of the pattern ${pattern}`
  if (field.type === 'string') {
    return maxLength === undefined
      ? 'a string'
      : `a string of ${String(minLength ?? 0)} to ${String(maxLength)} characters`
  }
  return `a value of type ${String(field.type)}`
}
