// Line records become an answer: context, order, the cap, and when enough is known.

import t from 'tap'
import type { ContentQuery, SearchTarget } from '../../../src/workspace/search/content-query.ts'
import type { LineRecord } from '../../../src/workspace/search/line-record.ts'
import { ResultCollector, RESULT_CHARACTERS } from '../../../src/workspace/search/search-result.ts'

const target: SearchTarget = { kind: 'directory', directory: '/w', name: '', repository: undefined, barred: [] }
const collector = (maxResults: number, contextLines: number) =>
  new ResultCollector({ pattern: 'q', path: '/w', maxResults, contextLines } as ContentQuery, target)
const line = (kind: LineRecord['kind'], path: string, number: number): LineRecord => ({
  kind,
  path,
  line: number,
  text: `${path}${number}`,
})

t.test('lines around a match are told with each match they belong to', async (t) => {
  const found = collector(10, 1)
  const records = [line('context', 'b', 1), line('match', 'b', 2), line('match', 'b', 3), line('context', 'b', 4)]
  for (const record of [...records, line('match', 'a', 5)]) t.notOk(found.add(record))
  const { results, matches, capped, total_matches, total_files } = found.result()
  t.strictSame(Object.entries(results), [
    ['a', [{ line: 5, text: 'a5', before: [], after: [] }]],
    [
      'b',
      [
        { line: 2, text: 'b2', before: ['b1'], after: ['b3'] },
        { line: 3, text: 'b3', before: ['b2'], after: ['b4'] },
      ],
    ],
  ])
  t.strictSame(matches[0], { path: '/w/a', line_number: 5, line: 'a5', text: 'a5' })
  t.strictSame({ capped, total_matches, total_files }, { capped: false, total_matches: 3, total_files: 2 })
})

t.test('capped means that one more was seen', async (t) => {
  const found = collector(2, 0)
  t.strictSame(
    [1, 2, 3].map((number) => found.add(line('match', 'a', number))),
    [false, false, true],
  )
  t.match(found.result(), { total_matches: 2, capped: true })
  const exact = collector(2, 0)
  for (const number of [1, 2]) exact.add(line('match', 'a', number))
  t.equal(exact.result().capped, false)
})

t.test('at the cap the last match still gets the lines after it', async (t) => {
  const found = collector(1, 2)
  t.notOk(found.add(line('match', 'a', 1)))
  t.notOk(found.add(line('match', 'a', 2)))
  t.ok(found.add(line('context', 'a', 3)))
  t.strictSame(found.result().results, { a: [{ line: 1, text: 'a1', before: [], after: ['a2', 'a3'] }] })
})

t.test('the texts of one answer are bounded, and so are the warnings', async (t) => {
  const found = collector(10_000, 0)
  const long = 'x'.repeat(4096)
  let taken = 0
  while (!found.add({ ...line('match', 'a', taken + 1), text: long })) taken++
  t.ok(taken <= RESULT_CHARACTERS / 4096)
  for (let i = 0; i < 30; i++) found.warn(`w${i}`)
  const { capped, warnings } = found.result()
  t.equal(capped, true)
  t.strictSame(warnings?.slice(-1), ['and 10 more warnings'])
})

t.test('names that would be special to JavaScript or are not UTF-8', async (t) => {
  const found = collector(10, 0)
  found.add(line('match', '__proto__', 1))
  found.add({ ...line('match', '\uFFFD', 1), pathBytes: '/w==' })
  const { results, matches } = found.result()
  t.strictSame(Object.keys(results), ['__proto__', '\uFFFD'])
  const bytes = Buffer.concat([Buffer.from('/w/'), Buffer.of(0xff)]).toString('base64')
  t.match(matches[1], { path: '/w/\uFFFD', lossy_name: true, path_base64: bytes })
})

t.test("two files whose names decode to one text stay two, without each other's lines", async (t) => {
  const found = collector(10, 2)
  const first = Buffer.from('n\xe4.c', 'latin1').toString('base64')
  const second = Buffer.from('n\xf6.c', 'latin1').toString('base64')
  found.add({ ...line('context', 'n\uFFFD.c', 1), text: 'A', pathBytes: first })
  found.add({ ...line('match', 'n\uFFFD.c', 2), pathBytes: first })
  found.add({ ...line('context', 'n\uFFFD.c', 1), text: 'B', pathBytes: second })
  found.add({ ...line('match', 'n\uFFFD.c', 2), pathBytes: second })
  found.add({ ...line('match', 'n\uFFFD.c', 1), text: 'C' })
  found.add({ ...line('match', 'n\\xE4.c', 1), text: 'D' })
  const { results, total_files, matches } = found.result()
  t.equal(total_files, 4)
  t.strictSame(
    Object.entries(results).map(([name, [match]]) => [name, match?.before]),
    [
      ['n\\xE4.c', []],
      ['n\uFFFD.c', []],
      ['n\\xE4.c ', ['A']],
      ['n\\xF6.c', ['B']],
    ],
  )
  t.equal(matches.filter(({ path_base64 }) => path_base64 !== undefined).length, 2)
})

t.test('what is searched again replaces what was found', async (t) => {
  const found = collector(10, 1)
  found.add(line('match', 'a', 1))
  found.add(line('match', 'b', 1))
  found.forget('a')
  found.add(line('match', 'a', 7))
  t.strictSame(
    Object.entries(found.result().results).map(([name, [match]]) => [name, match?.line]),
    [
      ['a', 7],
      ['b', 1],
    ],
  )
})
