// The numbers of a terminal: ids round and round, windows within bounds, scrollback as protocol.md#scrollback has it.

import t from 'tap'
import { checkedWindow, MOST_SCROLLBACK, nextId, scrollbackSize } from '../../../src/workspace/terminals/sizes.ts'

t.test('the next free id after the last given, 1 to 255', async (t) => {
  const taken =
    (...ids: number[]) =>
    (id: number) =>
      ids.includes(id)
  t.equal(nextId(0, taken()), 1)
  t.equal(nextId(1, taken()), 2, 'not the one that has just become free')
  t.equal(nextId(254, taken(255, 1)), 2)
  t.equal(nextId(255, taken()), 1)
  t.equal(
    nextId(7, (id) => id !== 7),
    7,
  )
  t.equal(nextId(7, () => true), undefined) // prettier-ignore
})

t.test('windows', async (t) => {
  t.same(checkedWindow(1, 1000), { cols: 1, rows: 1000 })
  t.throws(() => checkedWindow(80, 0), { code: 'bad_request', message: /rows is 0/, details: { field: 'rows' } })
  t.throws(() => checkedWindow(1001, 1), { message: /cols is 1001; accepted is an integer from 1 to 1000/ })
})

t.test('scrollback: 0 and nothing are the usual, the rest is clamped', async (t) => {
  t.equal(scrollbackSize(undefined), 65_536)
  t.equal(scrollbackSize(0), 65_536)
  t.equal(scrollbackSize(1), 1)
  t.equal(scrollbackSize(MOST_SCROLLBACK), 262_144)
  t.equal(scrollbackSize(1e9), 262_144)
})
