// Joined pieces are what JSON.stringify would have made.

import t from 'tap'
import { JsonText, jsonPieces } from '../../src/base/json-text.ts'

const joined = (value: unknown): string =>
  [...jsonPieces(value)].map((piece) => (typeof piece === 'string' ? piece : Buffer.from(piece).toString())).join('')

t.test('any value', async (t) => {
  const values: unknown[] = [
    {},
    [],
    { a: undefined, b: null },
    { a: [], b: {}, c: [{}], d: [[1, [2]]] },
    Array.from({ length: 200 }, (_, i) => ({ i, text: `"${i}"` })),
    { x: Array.from({ length: 100 }, (_, i) => i), y: 'é\u2028', z: [undefined, () => 1] },
    'plain',
    5,
    { deep: { deep: { deep: [{ a: [{}] }] } } },
  ]
  for (const value of values) {
    t.equal(joined(value), JSON.stringify(value).replaceAll('\u2028', '\\u2028'))
  }
})

t.test('text that a worker has rendered stands where it belongs', async (t) => {
  const entries = new JsonText<number[]>([Buffer.from('[1,'), Buffer.from('2]')])
  t.equal(joined({ a: 1, entries, b: 2 }), '{"a":1,"entries":[1,2],"b":2}')
  t.equal(entries.byteLength, 5)
})
