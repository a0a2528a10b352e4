// Pages of a list: every entry, once, also if the list changes between two pages.

import t from 'tap'
import { PAGE, pageOf } from '../../../../src/transports/mcp/protocol/paging.ts'

const key = (text: string) => text
const list = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `n${from + i}`)

t.test('every entry once, and no cursor after the last', async (t) => {
  for (const count of [0, 1, PAGE, PAGE + 1, 3 * PAGE]) {
    const all = list(0, count)
    const told: string[] = []
    let cursor: string | undefined
    do {
      const page = pageOf(all, key, cursor)
      told.push(...(page?.items ?? []))
      cursor = page?.nextCursor
    } while (cursor !== undefined)
    t.same(told, all)
  }
})

t.test('goes on behind the last entry told, wherever it stands now', async (t) => {
  const cursor = pageOf(list(0, 300), key, undefined)?.nextCursor
  t.equal(pageOf(list(50, 300), key, cursor)?.items[0], 'n100', 'the first 50 have gone')
  t.equal(pageOf(list(0, 400), key, cursor)?.items[0], 'n100', 'it has grown')
  t.equal(pageOf(list(200, 400), key, cursor)?.items[0], 'n300', 'the last one told has gone')
  t.same(pageOf([], key, cursor), { items: [] })
})

t.test('what is no cursor of ours is none', async (t) => {
  for (const cursor of ['', 'x', '5', Buffer.from('x:y').toString('base64url'), '\u{1f600}']) {
    t.equal(pageOf(list(0, 300), key, cursor), undefined)
  }
})
