// The sealed state opens again for the same caller and call, until it has expired.

import t from 'tap'
import { bindingOf, openSeal, STATE_TTL_MS } from '../../../../src/transports/mcp/protocol/sealed-state.ts'

t.test('opens what it closed, and nothing that was changed, bound otherwise, or is old', async (t) => {
  let now = 1_000
  const seal = openSeal(() => now)
  const sealed = seal.close({ step: 2, name: 'ü' }, 'binding')
  t.same(seal.open(sealed, 'binding'), { step: 2, name: 'ü' })
  t.notMatch(sealed, /step|name/)
  t.not(seal.close({ step: 2, name: 'ü' }, 'binding'), sealed)
  t.equal(seal.open(sealed, 'another'), undefined)
  t.equal(openSeal(() => now).open(sealed, 'binding'), undefined, 'another daemon')
  for (let i = 0; i < sealed.length; i++) {
    const changed = `${sealed.slice(0, i)}${sealed[i] === 'A' ? 'B' : 'A'}${sealed.slice(i + 1)}`
    if (seal.open(changed, 'binding') !== undefined) t.fail(`changed at ${i}`)
  }
  for (const wrong of ['', 'x', `${sealed}-TAMPERED`, `${sealed}=`, `${sealed} `, 'A'.repeat(100_000)]) {
    t.equal(seal.open(wrong, 'binding'), undefined)
  }
  now += STATE_TTL_MS
  t.ok(seal.open(sealed, 'binding'))
  now += 1
  t.equal(seal.open(sealed, 'binding'), undefined)
})

t.test('a call is named by caller, method and arguments, in whatever order they are written', async (t) => {
  const name = bindingOf('a', 'tools/call', { name: 'x', arguments: { p: 1, q: [1, { r: null }] } })
  t.equal(bindingOf('a', 'tools/call', { arguments: { q: [1, { r: null }], p: 1 }, name: 'x' }), name)
  for (const [caller, method, called] of [
    ['b', 'tools/call', { name: 'x', arguments: { p: 1, q: [1, { r: null }] } }],
    ['a', 'prompts/get', { name: 'x', arguments: { p: 1, q: [1, { r: null }] } }],
    ['a', 'tools/call', { name: 'x', arguments: { p: '1', q: [1, { r: null }] } }],
    ['a', 'tools/call', { name: 'x', arguments: { p: 1, q: [{ r: null }, 1] } }],
  ] as const) {
    t.not(bindingOf(caller, method, called), name)
  }
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  t.equal(bindingOf('a', 'tools/call', deep), undefined)
})
