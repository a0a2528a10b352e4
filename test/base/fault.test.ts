// Faults: how they show what came, how a field is refused, how they cross a thread boundary.

import t from 'tap'
import { Fault, faultOf, noticeOf, quote, refuse } from '../../src/base/fault.ts'
import { LongText } from '../../src/base/long-text.ts'

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
  t.equal(quote([new LongText(new Uint8Array(4))]), '["… a long string …"]')
})

t.test('the refusal of a field names it, and echoes at most 200 characters of what came', async (t) => {
  const { code, message, details } = refuse('mode', 'mode is "9"; accepted is …', '9'.repeat(1000))
  t.same(
    [code, message, details],
    ['bad_request', 'mode is "9"; accepted is …', { field: 'mode', got: '9'.repeat(200) }],
  )
  t.same(refuse('mode', 'mode is missing').details, { field: 'mode' })
  t.same(refuse('paths', 'paths are too many', Array(1000).fill('/a')).details?.['got'], quote(Array(1000).fill('/a')))
})

t.test('a fault crosses a thread boundary with everything that an answer is made of', async (t) => {
  const fault = new Fault('unavailable', 'the disk is busy', { details: { path: '/a' }, retryAfter: 3 })
  const { code, message, details, retryAfter } = faultOf(structuredClone(noticeOf(fault, 'the walk')))
  t.same([code, message, details, retryAfter], ['unavailable', 'the disk is busy', { path: '/a' }, 3])
  t.match(faultOf(noticeOf(new TypeError('x is null'), 'the walk')), {
    code: 'internal_error',
    message: 'the walk failed: TypeError: x is null',
    details: undefined,
    retryAfter: undefined,
  })
})
