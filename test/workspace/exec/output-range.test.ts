// Ranges of a kept tail: offsets are absolute, gaps are told, characters stay whole.

import t from 'tap'
import { cut, rangeOf, type RangeRequest } from '../../../src/workspace/exec/output-range.ts'

const TEXT = 'abcäöüdef' // 12 bytes
const pieces = (text: string, size: number): Buffer[] => {
  const bytes = Buffer.from(text)
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
}
const asked = { offset: 0, limit: 100, text: true, running: false }

t.test('a table of ranges', async (t) => {
  const whole = { pieces: pieces(TEXT, 5), bytes: 12, total: 12 }
  const late = { pieces: pieces('äöüdef', 4), bytes: 9, total: 12 }
  const table: [typeof whole, Partial<RangeRequest>, string, number, number, number][] = [
    [whole, {}, TEXT, 0, 12, 0],
    [whole, { limit: 4 }, 'abc', 0, 3, 0],
    [whole, { limit: 4, text: false }, 'abc\ufffd', 0, 4, 0],
    [whole, { offset: 3, limit: 4 }, 'äö', 3, 7, 0],
    [whole, { offset: -2 }, 'ef', 10, 12, 0],
    [whole, { offset: -4 }, 'def', 9, 12, 0],
    [whole, { offset: -100 }, TEXT, 0, 12, 0],
    [whole, { offset: 12 }, '', 12, 12, 0],
    [whole, { offset: 99 }, '', 12, 12, 0],
    [late, {}, 'äöüdef', 3, 12, 3],
    [late, { offset: 2, limit: 2 }, 'ä', 3, 5, 1],
    [{ pieces: [Buffer.from('x\xc3', 'latin1')], bytes: 2, total: 2 }, { running: true }, 'x', 0, 1, 0],
    [{ pieces: [Buffer.from('x\xc3', 'latin1')], bytes: 2, total: 2 }, {}, 'x\ufffd', 0, 2, 0],
  ]
  for (const [tail, more, text, from, to, gap] of table) {
    const range = rangeOf(tail, { ...asked, ...more })
    t.match(
      { ...range, text: range.bytes.toString() },
      { text, from, to, gap, total: tail.total },
      JSON.stringify(more),
    )
  }
})

t.test('cut joins pieces only where it must', async (t) => {
  const parts = pieces('0123456789', 4)
  t.equal(cut(parts, 2, 9).toString(), '2345678')
  t.equal(cut(parts, 4, 8).buffer, parts[1]?.buffer)
  t.equal(cut(parts, 10, 20).toString(), '')
})
