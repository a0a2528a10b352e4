// Sizes are those of the JSON that leaves, and parts fit exactly.

import t from 'tap'
import { jsonOf } from '../../src/base/json-text.ts'
import { fittingItems, headOf, jsonBytes, tailOf } from '../../src/base/json-size.ts'

const TEXTS = ['plain', 'ü\u{1f600}"\\\n\t\u0001\u2028\u2029 end', '\ud800x\udc00', '\u{1f600}'.repeat(10), '']

t.test('a beginning and an end are the longest that fit, and halve no character', async (t) => {
  const wrong: string[] = []
  for (const text of TEXTS) {
    const whole = text.isWellFormed()
    for (let room = 2; room <= jsonBytes(text) + 1; room++) {
      for (const [part, more] of [
        [headOf(text, room), (n: number) => text.slice(0, n)],
        [tailOf(text, room), (n: number) => text.slice(text.length - n)],
      ] as const) {
        const next = part.length + (!whole || more(part.length + 1).isWellFormed() ? 1 : 2)
        const fits = jsonBytes(part) <= room && (part.isWellFormed() || !whole)
        if (!fits || (part !== text && jsonBytes(more(next)) <= room)) wrong.push(`${jsonOf(part)} in ${room}`)
      }
    }
  }
  t.strictSame(wrong, [])
})

t.test('items with their commas and brackets', async (t) => {
  const items = ['a', { b: 1 }, [2, 3], 'ü']
  for (let room = 2; room < jsonBytes(items) + 2; room++) {
    const count = fittingItems(items, room)
    t.ok(jsonBytes(items.slice(0, count)) <= room)
  }
  t.equal(fittingItems(items, jsonBytes(items) + 1), 4)
})
