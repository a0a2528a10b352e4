// The tally of calls keeps a bounded number of families, whatever names come and go.

import t from 'tap'
import { CallTally, MOST_FAMILIES } from '../../src/base/tally.ts'
import { catalog } from '../../src/catalog.ts'
import { areaOf, familyOf } from '../../src/operation.ts'

t.test('families beyond the limit are counted as one', async (t) => {
  const tally = new CallTally()
  for (let i = 0; i < MOST_FAMILIES + 50; i++) tally.count(`tool_${i}`, 'mcp', '2xx', 0.001)
  const families = new Map(tally.entries())
  t.equal(families.size, MOST_FAMILIES + 1)
  t.equal(families.get('other')?.ended.mcp['2xx'], 50)
  tally.count('tool_0', 'mcp', '2xx', 0.001)
  t.equal(families.get('tool_0')?.ended.mcp['2xx'], 2, 'a known family is counted apart as before')
})

t.test('a built-in operation is a family of its own, one that comes and goes is not', async (t) => {
  t.equal(familyOf({ name: 'file_read' }), 'file_read')
  t.equal(familyOf({ name: 'lookup_customer', origin: 'workspace' }), 'workspace')
  t.equal(familyOf({ name: 'mcp_github__search', origin: { upstream: 'github' } }), 'upstream')
  t.equal(familyOf({ name: 'lookup_customer', origin: 'workspace', family: 'user_tool' }), 'user_tool')
})

t.test('every built-in operation names its chapter', async (t) => {
  t.same(
    catalog.filter((op) => areaOf(op) === 'More').map(({ name }) => name),
    [],
  )
})
