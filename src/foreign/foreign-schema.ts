// new ForeignSchema(schema).check(value): a JSON Schema of another author for an operation's whole input. Its version
// is 2020-12 or draft-07, as `$schema` says. Loading bounds its size, depth and number of schemas; a check bounds its
// steps (foreign-check.ts). A `$ref` leads into the same document only, so nothing is fetched. `format` and keywords
// that JSON Schema does not define have no effect. The constructor throws `bad_request`.

import { Fault, quote } from '../base/fault.ts'
import type { SchemaObject } from './failure.ts'
import { failureOf, type CheckRules } from './foreign-check.ts'
import { BoundedPattern } from './bounded-pattern.ts'

/** Bytes of a schema as JSON: the longest of 191 tools of 13 public servers has 12 KB. */
const MOST_BYTES = 256 * 1024
const MOST_DEPTH = 64
/** Objects, arrays and single values inside it. */
const MOST_NODES = 20_000

const DIALECTS: Readonly<Record<string, CheckRules['draft']>> = {
  'https://json-schema.org/draft/2020-12/schema': '2020-12',
  'http://json-schema.org/draft-07/schema': 'draft-07',
  'https://json-schema.org/draft-07/schema': 'draft-07',
}

type Form =
  'schema' | 'schemas' | 'items' | 'map' | 'dependencies' | 'number' | 'count' | 'boolean' | 'strings' | 'type'

/** Form of the value of each keyword; `map`: schemas by name. */
const FORMS: Readonly<Record<string, Form>> = {
  ...forms('schema', 'not if then else contains additionalItems additionalProperties propertyNames'),
  ...forms('schema', 'unevaluatedItems unevaluatedProperties'),
  ...forms('schemas', 'allOf anyOf oneOf prefixItems'),
  ...forms('map', '$defs definitions properties patternProperties dependentSchemas'),
  ...forms('number', 'minimum maximum exclusiveMinimum exclusiveMaximum multipleOf'),
  ...forms('count', 'minLength maxLength minItems maxItems minContains maxContains minProperties maxProperties'),
  items: 'items',
  dependencies: 'dependencies',
  dependentRequired: 'dependencies',
  uniqueItems: 'boolean',
  required: 'strings',
  type: 'type',
}

const TYPES: readonly string[] = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']

function forms(form: Form, keywords: string): Record<string, Form> {
  return Object.fromEntries(keywords.split(' ').map((keyword) => [keyword, form]))
}

export class ForeignSchema {
  readonly schema: SchemaObject
  readonly #rules: CheckRules

  constructor(schema: unknown) {
    if (!isObject(schema)) throw wrong('', 'is not an object')
    this.schema = schema
    refuseSize(schema)
    const bytes = Buffer.byteLength(JSON.stringify(schema))
    if (bytes > MOST_BYTES) throw wrong('', `has ${bytes} bytes; at most ${MOST_BYTES} are accepted`)
    if (schema['type'] !== 'object') throw wrong('', 'does not say "type": "object", as the input of a tool must')
    const dialect = schema['$schema'] ?? Object.keys(DIALECTS)[0]
    const draft = DIALECTS[String(dialect).replace(/#$/, '')]
    if (draft === undefined) throw wrong('/$schema', `is ${quote(dialect)}; accepted are 2020-12 and draft-07`)
    this.#rules = new Loading(schema, draft).rules
  }

  /** Throws `bad_request`, with the place in the value and what is accepted there, if `value` does not fit. */
  check(value: unknown): void {
    const failure = failureOf(this.schema, value, this.#rules)
    if (failure === undefined) return
    throw new Fault('bad_request', failure.sentence, { details: { field: failure.place.slice(0, 200) } })
  }
}

/** Walks once through a schema: finds unaccepted keywords, the patterns, and the targets of references. */
class Loading {
  readonly #root: SchemaObject
  readonly #seen = new Set<object>()
  readonly #anchors = new Map<string, SchemaObject>()
  readonly #references = new Set<string>()
  readonly rules: CheckRules

  constructor(root: SchemaObject, draft: CheckRules['draft']) {
    this.#root = root
    const targets = new Map<string, unknown>()
    const patterns = new Map<string, BoundedPattern>()
    this.rules = { draft, targets, patterns }
    this.#walk(root, '', patterns)
    // A target may lie outside the places of schemas and have references too, so the set grows during the loop.
    for (const reference of this.#references) {
      const target = this.#find(reference)
      if (target === undefined) throw wrong(reference, 'is a $ref that leads nowhere')
      targets.set(reference, target)
      this.#walk(target, reference, patterns)
    }
  }

  #walk(schema: unknown, place: string, patterns: Map<string, BoundedPattern>): void {
    if (typeof schema === 'boolean') return
    if (!isObject(schema)) throw wrong(place, 'is no schema: neither an object nor true or false')
    if (this.#seen.has(schema)) return
    this.#seen.add(schema)
    this.#readNames(schema, place)
    const compile = (pattern: unknown, at: string): void => {
      if (typeof pattern !== 'string') throw wrong(at, 'is not a string')
      try {
        if (!patterns.has(pattern)) patterns.set(pattern, new BoundedPattern(pattern))
      } catch {
        throw wrong(at, `is ${quote(pattern.slice(0, 100))}, which is no regular expression of at most 1000 characters`)
      }
    }
    if (schema['pattern'] !== undefined) compile(schema['pattern'], `${place}/pattern`)
    for (const pattern of Object.keys(isObject(schema['patternProperties']) ? schema['patternProperties'] : {}))
      compile(pattern, `${place}/patternProperties`)
    if (schema['enum'] !== undefined && !Array.isArray(schema['enum'])) throw wrong(`${place}/enum`, 'is not an array')
    for (const [keyword, value] of Object.entries(schema)) {
      const form = Object.hasOwn(FORMS, keyword) ? FORMS[keyword] : undefined
      if (form === undefined) continue
      for (const [part, at] of partsOf(form, value, `${place}/${keyword}`)) this.#walk(part, at, patterns)
    }
  }

  /** Collects references and the names that they may use. */
  #readNames(schema: SchemaObject, place: string): void {
    for (const keyword of ['$dynamicRef', '$recursiveRef']) {
      if (Object.hasOwn(schema, keyword)) throw wrong(`${place}/${keyword}`, 'is not accepted; use $ref')
    }
    const { $id: id, $anchor: anchor, $ref: reference } = schema
    if (typeof anchor === 'string') this.#anchors.set(`#${anchor}`, schema)
    if (typeof id === 'string' && id.startsWith('#')) this.#anchors.set(id, schema)
    else if (id !== undefined && schema !== this.#root) throw wrong(`${place}/$id`, 'makes a document in the document')
    if (reference === undefined) return
    if (typeof reference !== 'string' || !reference.startsWith('#'))
      throw wrong(
        `${place}/$ref`,
        `is ${quote(reference)}; accepted are places in the same schema, such as #/$defs/name`,
      )
    this.#references.add(reference)
  }

  #find(reference: string): unknown {
    if (!/^#(\/|$)/.test(reference)) return this.#anchors.get(reference)
    let at: unknown = this.#root
    for (const part of reference.split('/').slice(1)) {
      const key = unescaped(part)
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
      at = at[key as keyof typeof at]
    }
    return at
  }
}

/** Throws if the document is nested too deep or has too many values. A loop: recursion could overflow the stack. */
function refuseSize(schema: object): void {
  const waiting: (readonly [value: object, depth: number])[] = [[schema, 1]]
  let nodes = 0
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [value, depth] = next
    if (depth > MOST_DEPTH) throw wrong('', `is nested more than ${MOST_DEPTH} deep`)
    for (const item of Object.values(value) as readonly unknown[]) {
      if (++nodes > MOST_NODES) throw wrong('', `has more than ${MOST_NODES} values`)
      if (typeof item === 'object' && item !== null) waiting.push([item, depth + 1])
    }
  }
}

/** Decodes a part of a JSON pointer (RFC 6901) in a URL fragment. */
function unescaped(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return part
  }
}

/** Returns the schemas in the value of a keyword, each with its place. Throws if the value has another form. */
function partsOf(form: Form, value: unknown, place: string): readonly (readonly [part: unknown, place: string])[] {
  const refuse = (what: string): never => {
    throw wrong(place, `is not ${what}`)
  }
  const listed = (items: readonly unknown[]) => items.map((item, i) => [item, `${place}/${i}`] as const)
  switch (form) {
    case 'schema':
      return [[value, place]]
    case 'items':
      return Array.isArray(value) ? listed(value) : [[value, place]]
    case 'schemas':
      return Array.isArray(value) && value.length > 0 ? listed(value) : refuse('an array of schemas')
    case 'map':
    case 'dependencies': {
      const entries = isObject(value) ? Object.entries(value) : refuse('an object')
      const named = entries.map(([name, part]) => [part, `${place}/${name}`] as const)
      return form === 'map' ? named : named.filter(([part]) => !isStrings(part))
    }
    case 'number':
      return Number.isFinite(value) ? [] : refuse('a number')
    case 'count':
      return Number.isInteger(value) && Number(value) >= 0 ? [] : refuse('a count')
    case 'boolean':
      return typeof value === 'boolean' ? [] : refuse('true or false')
    case 'strings':
      return isStrings(value) ? [] : refuse('an array of strings')
    case 'type': {
      const types = [value].flat()
      return types.length > 0 && types.every((one) => TYPES.includes(String(one)))
        ? []
        : refuse(`one of ${TYPES.join(', ')}`)
    }
  }
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns a fault. `place`: a JSON pointer into the schema. */
function wrong(place: string, sentence: string): Fault {
  const where = place === '' ? 'the input schema' : `${place.slice(0, 200)} of the input schema`
  return new Fault('bad_request', `${where} ${sentence}`, {
    details: { field: 'input_schema', place: place.slice(0, 200) },
  })
}
