// What came, as error sentences show it.

import t from 'tap'
import { quote } from '../../src/base/fault.ts'

t.test('short values are shown as JSON', async (t) => {
  const values = ['a"b', 12, null, true, [], {}, [1, 'a', null], { a: [1], 'b c': { d: 'e' } }]
  for (const value of values) t.equal(quote(value), JSON.stringify(value))
  t.equal(quote(undefined), 'undefined')
  t.equal(quote('x'.repeat(118)), JSON.stringify('x'.repeat(118)), 'up to 120 characters')
})

t.test('long and deep values are cut, and nothing beyond the cut is looked at', async (t) => {
  let deep: unknown = {}
  for (let i = 0; i < 200_000; i++) deep = i % 2 === 0 ? [deep] : { a: deep }
  const endless = new Proxy([] as unknown[], {
    ownKeys: () => Array.from({ length: 1000 }, (_, i) => String(i)).concat('length'),
    getOwnPropertyDescriptor: (target, key) =>
      key === 'length'
        ? Reflect.getOwnPropertyDescriptor(target, key)
        : { value: 1, enumerable: true, configurable: true },
    get: (_, key) => (Number(key) < 200 ? 'one' : t.fail('looked too far')),
  })
  for (const value of ['x'.repeat(119), deep, Array(100_000).fill('y'), { ['k'.repeat(1000)]: 1 }, endless]) {
    const shown = quote(value)
    t.equal(shown.length, 118)
    t.match(shown, /…$/)
  }
})

t.test('long text that was parsed off the main thread is named, not shown', async (t) => {
  t.equal(quote([new Uint8Array(4)]), '["… a long string …"]')
})
