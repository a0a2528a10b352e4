// failureOf(schema, value, rules): holds a value against a foreign JSON Schema that foreign-schema.ts has accepted.
// Returns the first place that does not fit. The number of steps is bounded: references that double at every level
// would otherwise run for years. Pure, apart from the clock of its patterns.

import { Fault, quote } from '../base/fault.ts'
import type { BoundedPattern } from './bounded-pattern.ts'
import {
  failed,
  inside,
  numberFailure,
  outside,
  sentences,
  told,
  unknownName,
  type Failure,
  type SchemaObject,
} from './failure.ts'

export interface CheckRules {
  /** Version of the schema. In draft-07 a `$ref` hides its neighbours, and a list of `items` means `prefixItems`. */
  readonly draft: '2020-12' | 'draft-07'
  readonly targets: ReadonlyMap<string, unknown>
  readonly patterns: ReadonlyMap<string, Pick<BoundedPattern, 'test'>>
}

/** Steps of one check: schemas held against parts of the value, and comparisons of parts. */
const MOST_STEPS = 100_000
/** Time of one pattern for one text, in ms; the daemon does nothing else meanwhile. */
const MOST_TEXT_MS = 50
/** Time of all patterns of one check together: thousands of texts, each nearly at its limit, would add up. */
const MOST_PATTERN_MS = 200
/** Schemas inside each other at once: a schema that refers to itself for the same value would never end. */
const MOST_NESTED = 300

/** Parts of an object or array that some schema has looked at, for the `unevaluated` keywords. */
interface Looked {
  readonly names: Set<string>
  items: number
}

export function failureOf(schema: SchemaObject, value: unknown, rules: CheckRules): Failure | undefined {
  return new Check(rules).look(schema, value, '', nothing())
}

const nothing = (): Looked => ({ names: new Set(), items: 0 })

function add(to: Looked, from: Looked): void {
  for (const name of from.names) to.names.add(name)
  to.items = Math.max(to.items, from.items)
}

class Check {
  readonly #rules: CheckRules
  #steps = 0
  #nested = 0
  #patternMs = 0

  constructor(rules: CheckRules) {
    this.#rules = rules
  }

  look(schema: unknown, value: unknown, place: string, looked: Looked): Failure | undefined {
    this.#step(1)
    if (typeof schema === 'boolean') return schema ? undefined : failed(place, 'is not accepted here')
    if (++this.#nested > MOST_NESTED) throw tooMuch('nested too deep')
    try {
      return this.#lookAt(schema as SchemaObject, value, place, looked) // loading looked at every place of a schema
    } finally {
      this.#nested--
    }
  }

  #step(count: number): void {
    this.#steps += count
    if (this.#steps > MOST_STEPS) throw tooMuch(`more than ${MOST_STEPS} steps`)
  }

  #lookAt(schema: SchemaObject, value: unknown, place: string, looked: Looked): Failure | undefined {
    const { $ref: reference } = schema
    if (typeof reference === 'string') {
      const failure = this.look(this.#rules.targets.get(reference), value, place, looked)
      if (failure !== undefined || this.#rules.draft === 'draft-07') return failure
    }
    const failure =
      this.#type(schema, value, place) ??
      (typeof value === 'number' ? numberFailure(schema, value, place) : undefined) ??
      (typeof value === 'string' ? this.#text(schema, value, place) : undefined) ??
      (Array.isArray(value) ? this.#array(schema, value, place, looked) : undefined) ??
      (isRecord(value) ? this.#object(schema, value, place, looked) : undefined) ??
      this.#combined(schema, value, place, looked)
    return failure ?? this.#unevaluated(schema, value, place, looked)
  }

  #type(schema: SchemaObject, value: unknown, place: string): Failure | undefined {
    if (schema['type'] !== undefined) {
      const types = [schema['type']].flat()
      if (!types.some((type) => isOfType(value, type)))
        return failed(place, `is ${told(value)}; accepted is ${types.join(' or ')}`)
    }
    const choices = Array.isArray(schema['enum']) ? (schema['enum'] as readonly unknown[]) : undefined
    if (choices !== undefined && !choices.some((one) => this.#same(one, value)))
      return failed(place, `is ${told(value)}; accepted is one of ${quote(choices).slice(0, 500)}`)
    if (Object.hasOwn(schema, 'const') && !this.#same(schema['const'], value))
      return failed(place, `is ${told(value)}; accepted is ${told(schema['const'])}`)
    return undefined
  }

  #same(a: unknown, b: unknown): boolean {
    return a === b || (typeof a === 'object' && typeof b === 'object' && this.#canonical(a) === this.#canonical(b))
  }

  /** Returns JSON with the names of each object in order: equal values have equal text. */
  #canonical(value: unknown): string {
    this.#step(1)
    if (Array.isArray(value)) return `[${value.map((item) => this.#canonical(item)).join()}]`
    if (!isRecord(value)) return JSON.stringify(value)
    const names = Object.keys(value).toSorted()
    return `{${names.map((name) => `${JSON.stringify(name)}:${this.#canonical(value[name])}`).join()}}`
  }

  #matches(pattern: string, text: string): boolean {
    const left = MOST_PATTERN_MS - this.#patternMs
    if (left <= 0) throw tooMuch(`more than ${MOST_PATTERN_MS} ms for its patterns`)
    const began = performance.now()
    const matches = this.#rules.patterns.get(pattern)?.test(text, Math.min(MOST_TEXT_MS, Math.ceil(left))) ?? true
    this.#patternMs += performance.now() - began
    return matches
  }

  #text(schema: SchemaObject, value: string, place: string): Failure | undefined {
    const { minLength, maxLength, pattern } = schema
    if (minLength !== undefined || maxLength !== undefined) {
      let length = 0
      for (const _ of value) length++ // characters, not surrogate halves
      const range = outside(length, minLength, maxLength)
      if (range !== undefined) return failed(place, `has ${length} characters; accepted ${range}`)
    }
    if (typeof pattern !== 'string' || this.#matches(pattern, value)) return undefined
    return failed(place, `is ${told(value)}; accepted is what matches ${quote(pattern)}`)
  }

  #array(schema: SchemaObject, value: readonly unknown[], place: string, looked: Looked): Failure | undefined {
    const { items, additionalItems, prefixItems, minItems, maxItems, uniqueItems, contains } = schema
    const range = outside(value.length, minItems, maxItems)
    if (range !== undefined) return failed(place, `has ${value.length} elements; accepted ${range}`)
    const first = Array.isArray(items) ? items : Array.isArray(prefixItems) ? prefixItems : []
    const rest = Array.isArray(items) ? additionalItems : items
    for (const [i, item] of value.entries()) {
      const part: unknown = i < first.length ? first[i] : rest
      if (part === undefined) break
      looked.items = Math.max(looked.items, i + 1)
      const failure = this.look(part, item, `${place}[${i}]`, nothing())
      if (failure !== undefined) return failure
    }
    if (uniqueItems === true && new Set(value.map((item) => this.#canonical(item))).size < value.length)
      return failed(place, 'has an element twice; accepted are elements that differ')
    if (contains === undefined) return undefined
    const fitting = value.filter((item) => this.look(contains, item, place, nothing()) === undefined).length
    const wanted = outside(fitting, schema['minContains'] ?? 1, schema['maxContains'])
    if (wanted === undefined) return undefined
    return failed(place, `has ${fitting} elements of the form that it must contain; accepted ${wanted}`)
  }

  #object(schema: SchemaObject, value: SchemaObject, place: string, looked: Looked): Failure | undefined {
    const names = Object.keys(value)
    const range = outside(names.length, schema['minProperties'], schema['maxProperties'])
    if (range !== undefined) return failed(place, `has ${names.length} fields; accepted ${range}`)
    const required = (schema['required'] ?? []) as readonly string[]
    const missing = required.find((name) => !Object.hasOwn(value, name))
    if (missing !== undefined) return failed(inside(place, missing), 'is missing')
    const known = record(schema['properties'])
    const patterns = Object.entries(record(schema['patternProperties']))
    for (const name of names) {
      this.#step(1)
      const matching = patterns.filter(([pattern]) => this.#matches(pattern, name)).map(([, part]) => part)
      const parts = [...(Object.hasOwn(known, name) ? [known[name]] : []), ...matching]
      if (parts.length === 0 && schema['additionalProperties'] !== undefined) {
        if (schema['additionalProperties'] === false) return unknownName(place, name, Object.keys(known))
        parts.push(schema['additionalProperties'])
      }
      if (parts.length > 0) looked.names.add(name)
      if (schema['propertyNames'] !== undefined) parts.push(undefined)
      for (const part of parts) {
        const failure =
          part === undefined
            ? this.look(schema['propertyNames'], name, inside(place, name), nothing())
            : this.look(part, value[name], inside(place, name), nothing())
        if (failure !== undefined) return failure
      }
    }
    return this.#dependent(schema, value, place, looked)
  }

  #dependent(schema: SchemaObject, value: SchemaObject, place: string, looked: Looked): Failure | undefined {
    for (const keyword of ['dependencies', 'dependentRequired', 'dependentSchemas']) {
      for (const [name, needs] of Object.entries(record(schema[keyword]))) {
        if (!Object.hasOwn(value, name)) continue
        if (!Array.isArray(needs)) {
          const failure = this.look(needs, value, place, looked)
          if (failure !== undefined) return failure
          continue
        }
        const missing = (needs as readonly string[]).find((one) => !Object.hasOwn(value, one))
        if (missing !== undefined) return failed(inside(place, missing), `is missing; ${quote(name)} needs it`)
      }
    }
    return undefined
  }

  #combined(schema: SchemaObject, value: unknown, place: string, looked: Looked): Failure | undefined {
    for (const part of list(schema['allOf'])) {
      const failure = this.look(part, value, place, looked)
      if (failure !== undefined) return failure
    }
    for (const keyword of ['anyOf', 'oneOf'] as const) {
      if (schema[keyword] === undefined) continue
      const failures = list(schema[keyword]).map((part) => this.#tried(part, value, place, looked))
      const fitting = failures.filter((one) => one === undefined).length
      if (fitting === 0)
        return failures.length === 1
          ? failures[0]
          : failed(place, `fits none of the forms accepted: ${sentences(failures)}`)
      if (keyword === 'oneOf' && fitting > 1)
        return failed(place, `fits ${fitting} of the forms accepted; accepted is what fits one`)
    }
    if (schema['not'] !== undefined && this.look(schema['not'], value, place, nothing()) === undefined)
      return failed(place, `is ${told(value)}, which is excluded`)
    if (schema['if'] === undefined) return undefined
    const branch = this.#tried(schema['if'], value, place, looked) === undefined ? schema['then'] : schema['else']
    return branch === undefined ? undefined : this.look(branch, value, place, looked)
  }

  /** Checks one alternative; if it fails, the parts that it looked at do not count. */
  #tried(schema: unknown, value: unknown, place: string, looked: Looked): Failure | undefined {
    const mine = nothing()
    const failure = this.look(schema, value, place, mine)
    if (failure === undefined) add(looked, mine)
    return failure
  }

  #unevaluated(schema: SchemaObject, value: unknown, place: string, looked: Looked): Failure | undefined {
    const { unevaluatedProperties: names, unevaluatedItems: items } = schema
    if (names !== undefined && isRecord(value)) {
      for (const name of Object.keys(value)) {
        if (looked.names.has(name)) continue
        looked.names.add(name)
        const failure = this.look(names, value[name], inside(place, name), nothing())
        if (failure !== undefined) return failure
      }
    }
    if (items === undefined || !Array.isArray(value)) return undefined
    for (const [i, item] of value.entries()) {
      const failure = i < looked.items ? undefined : this.look(items, item, `${place}[${i}]`, nothing())
      if (failure !== undefined) return failure
    }
    looked.items = value.length
    return undefined
  }
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

const record = (value: unknown): SchemaObject => (isRecord(value) ? value : {})

function isRecord(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isOfType(value: unknown, type: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isRecord(value)
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

function tooMuch(what: string): Fault {
  return new Fault('bad_request', `the input could not be held against its schema: ${what}`)
}
