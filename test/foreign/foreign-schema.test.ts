// Schemas of other authors: values are held against them as both drafts say, and loading and checking are bounded.

import t from 'tap'
import { failureOf } from '../../src/foreign/foreign-check.ts'
import { ForeignSchema } from '../../src/foreign/foreign-schema.ts'
import { LongText } from '../../src/base/long-text.ts'
import { readInput } from '../../src/intake/intake.ts'
import { operation } from '../../src/operation.ts'
import { Type } from '../../src/schema.ts'

const DRAFT_07 = { $schema: 'http://json-schema.org/draft-07/schema#' }

/** Returns the sentence that refuses `value`; undefined if it fits. */
function said(schema: object, value: unknown): string | undefined {
  try {
    new ForeignSchema({ type: 'object', ...schema }).check(value)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

t.test('nested input is held against its schema, and the place is told', async (t) => {
  const schema = {
    properties: {
      filter: { $ref: '#/$defs/filter' },
      tags: { type: 'array', items: { type: 'string', pattern: '^[a-z]+$' }, maxItems: 3, uniqueItems: true },
    },
    required: ['filter'],
    additionalProperties: false,
    $defs: {
      filter: {
        type: 'object',
        properties: {
          limit: { type: 'integer', minimum: 1, maximum: 100 },
          and: { type: 'array', items: { $ref: '#/$defs/filter' } },
        },
        additionalProperties: false,
      },
    },
  }
  t.equal(said(schema, { filter: { limit: 5, and: [{ limit: 6 }, { and: [] }] }, tags: ['a', 'b'] }), undefined)
  t.equal(said(schema, {}), 'filter is missing')
  t.equal(said(schema, { filter: { limit: '5' } }), 'filter.limit is "5"; accepted is integer')
  t.equal(said(schema, { filter: { and: [{ limit: 101 }] } }), 'filter.and[0].limit is 101; accepted is at most 100')
  t.equal(said(schema, { filter: {}, tags: ['a', 'B'] }), 'tags[1] is "B"; accepted is what matches "^[a-z]+$"')
  t.match(said(schema, { filter: {}, tags: ['a', 'a'] }), /tags has an element twice/)
  t.match(said(schema, { filter: {}, tag: [] }), /tag is not a field here; accepted are filter, tags/)
  t.match(said(schema, []), /the input is \[\]; accepted is object/)
})

t.test('the keywords of both drafts', async (t) => {
  const at = (x: object) => ({ properties: { x } })
  for (const [schema, good, wrong] of [
    [{ enum: [1, { a: [1] }] }, { a: [1] }, { a: [2] }],
    [{ const: null }, null, 0],
    [{ type: ['string', 'null'] }, null, 1],
    [{ type: 'string', minLength: 2, maxLength: 2 }, '\u{1f600}\u{1f600}', '\u{1f600}'],
    [{ exclusiveMinimum: 1, exclusiveMaximum: 3 }, 2, 3],
    [{ multipleOf: 0.1 }, 0.3, 0.35],
    [{ prefixItems: [{ type: 'string' }], items: { type: 'number' } }, ['a', 1, 2], ['a', 'b']],
    [{ contains: { const: 1 }, maxContains: 1 }, [0, 1], [1, 1]],
    [{ propertyNames: { pattern: '^x-' } }, { 'x-a': 1 }, { a: 1 }],
    [{ patternProperties: { '^n_': { type: 'number' } }, additionalProperties: false }, { n_a: 1 }, { n_a: '1' }],
    [{ minProperties: 1, maxProperties: 1 }, { a: 1 }, {}],
    [{ dependentRequired: { a: ['b'] } }, { a: 1, b: 1 }, { a: 1 }],
    [{ dependentSchemas: { a: { required: ['b'] } } }, { b: 1 }, { a: 1 }],
    [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, 2, 3],
    [{ anyOf: [{ type: 'string' }, { minimum: 5 }] }, 5, 4],
    [{ oneOf: [{ multipleOf: 2 }, { multipleOf: 3 }] }, 4, 6],
    [{ not: { type: 'string' } }, 1, 'a'],
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    [{ if: { minimum: 10 }, then: { multipleOf: 10 }, else: { maximum: 5 } }, 20, 7],
    [{ allOf: [{ properties: { a: {} } }], unevaluatedProperties: false }, { a: 1 }, { b: 1 }],
    [{ anyOf: [{ required: ['a'], properties: { a: {} } }, true], unevaluatedProperties: false }, { a: 1 }, { b: 1 }],
    [{ prefixItems: [{}], unevaluatedItems: false }, [1], [1, 2]],
    [{ $ref: '#/$defs/small', minimum: 1 }, 1, 0],
    [{ format: 'email', unknown: 1 }, 'no address', undefined],
    [false, undefined, 1],
  ] as const) {
    const whole = { ...at(schema as object), $defs: { small: { maximum: 5 } } }
    const input = (x: unknown) => (x === undefined ? {} : { x })
    t.equal(said(whole, input(good)), undefined, JSON.stringify(schema))
    if (wrong !== undefined) t.type(said(whole, input(wrong)), 'string', JSON.stringify(schema))
  }
  const tuple = { ...DRAFT_07, ...at({ items: [{ type: 'string' }], additionalItems: false }) }
  t.equal(said(tuple, { x: ['a'] }), undefined)
  t.type(said(tuple, { x: ['a', 1] }), 'string')
  const beside = { ...DRAFT_07, ...at({ $ref: '#/definitions/a', maximum: 1 }), definitions: { a: { type: 'number' } } }
  t.equal(said(beside, { x: 2 }), undefined, 'in draft-07 nothing beside a $ref counts')
  const named = { ...at({ $ref: '#small' }), $defs: { s: { $anchor: 'small', maximum: 5 } } }
  t.type(said(named, { x: 6 }), 'string')
  t.type(said({ required: ['__proto__', 'constructor'] }, {}), 'string')
})

t.test('what cannot be taken is refused when it is loaded, with its place', async (t) => {
  let deep: object = {}
  for (let i = 0; i < 100_000; i++) deep = { not: deep }
  for (const [schema, sentence] of [
    ['text', /is not an object/],
    [{}, /does not say "type": "object"/],
    [{ type: 'object', $schema: 'http://json-schema.org/draft-04/schema#' }, /accepted are 2020-12 and draft-07/],
    [{ type: 'object', properties: { a: { $ref: 'https://example.com/a' } } }, /\/properties\/a\/\$ref .*same schema/],
    [{ type: 'object', properties: { a: { $ref: 'file:///etc/passwd' } } }, /same schema/],
    [{ type: 'object', $ref: 'other.json#/a' }, /same schema/],
    [{ type: 'object', $ref: '#/$defs/none' }, /leads nowhere/],
    [{ type: 'object', $ref: '#/constructor' }, /leads nowhere/],
    [{ type: 'object', $defs: { a: { $id: 'https://example.com/a' } } }, /document in the document/],
    [{ type: 'object', $dynamicRef: '#a' }, /use \$ref/],
    [{ type: 'object', properties: 5 }, /\/properties .*not an object/],
    [{ type: 'object', properties: { a: 'string' } }, /\/properties\/a .*no schema/],
    [{ type: 'object', required: 'a' }, /not an array of strings/],
    [{ type: 'object', properties: { a: { type: 'text' } } }, /not one of object/],
    [{ type: 'object', properties: { a: { pattern: '(' } } }, /no regular expression/],
    [{ type: 'object', properties: { a: { pattern: 'a'.repeat(1001) } } }, /at most 1000/],
    [{ type: 'object', description: 'x'.repeat(300_000) }, /300\d+ bytes/],
    [{ type: 'object', enum: Array.from({ length: 30_000 }, () => 1) }, /more than 20000 values/],
    [{ type: 'object', not: deep }, /nested more than 64/],
  ] as const) {
    t.throws(() => new ForeignSchema(schema), { code: 'bad_request', message: sentence })
  }
})

t.test('no schema and no input takes the daemon longer than a moment', async (t) => {
  const doubling = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => {
      const next = { $ref: `#/$defs/d${i + 1}` }
      return [`d${i}`, i === 59 ? true : { allOf: [next, next] }]
    }),
  )
  t.match(said({ $ref: '#/$defs/d0', $defs: { ...doubling, d60: true } }, {}), /more than 100000 steps/)
  t.match(said({ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }, {}), /nested too deep/)
  for (const pattern of ['^(a+)+$', '(a|a)*b', `${'a?'.repeat(40)}${'a'.repeat(40)}b`, '(.*)*(.*)*\\1x']) {
    const sentence = said({ properties: { x: { pattern } } }, { x: `${'a'.repeat(60)}!` })
    t.match(sentence, /could not be held against the pattern|accepted is what matches/, pattern)
  }
  const same = Array.from({ length: 200_000 }, (_, i) => i)
  t.match(said({ properties: { x: { uniqueItems: true } } }, { x: same }), /more than 100000 steps/)
})

t.test('the patterns of one check share one limit of time', async (t) => {
  let asked = 0
  const slow = {
    test: () => {
      asked++
      for (const end = performance.now() + 20; performance.now() < end;);
      return true
    },
  }
  const rules = { draft: '2020-12', targets: new Map(), patterns: new Map([['x', slow]]) } as const
  const value = Array.from({ length: 1000 }, () => 'text')
  t.throws(() => failureOf({ items: { pattern: 'x' } }, value, rules), { message: /more than 200 ms for its patterns/ })
  t.ok(asked <= 10, `${asked} texts`)
})

t.test('the input of a foreign schema is read as it came', async (t) => {
  const foreignInput = new ForeignSchema({
    type: 'object',
    properties: { count: { type: 'integer' }, nested: { type: 'object' }, path: { type: 'string', default: '/' } },
  })
  const op = operation({
    name: 'lookup',
    title: 'Look up',
    summary: 'Looks up.',
    scope: 'none',
    input: Type.Object({}),
    foreignInput,
    output: Type.Object({}),
    routes: [],
    run: () => Promise.resolve({}),
  })
  const read = (raw: object) => readInput(op, { ...raw }, { unknown: 'refuse' })
  const came = { count: 1, nested: { a: [null, 'x'] }, more: true }
  t.same(
    read(came),
    { input: came, ignored: [] },
    'no default is filled in, and an unknown field is the schema’s matter',
  )
  t.throws(() => read({ count: '1' }), { code: 'bad_request', message: 'count is "1"; accepted is integer' })
  t.throws(() => read({ nested: { a: ['\ud800'] } }), { message: /nested.*lone surrogate/ })
  t.same(read({ nested: { text: new LongText(Buffer.from('from a long body')) } }).input, {
    nested: { text: 'from a long body' },
  })
  let deep: unknown = 1
  for (let i = 0; i < 200; i++) deep = [deep]
  t.throws(() => read({ nested: { deep } }), { code: 'bad_request', message: /more than 100 deep/ })
})
