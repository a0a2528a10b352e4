// What counts as a match in the built-in engine; the agreement with ripgrep has its own test.

import t from 'tap'
import { lineMatcher, unicodeClasses } from '../../../src/threads/scan/line-matcher.ts'

const hit = (
  pattern: string,
  line: string,
  more: { regex?: boolean; caseSensitive?: boolean; wholeWord?: boolean } = {},
) => lineMatcher({ pattern, regex: false, caseSensitive: false, wholeWord: false, ...more }).hit(line)

t.test('literals', async (t) => {
  t.equal(hit('a.b', 'xa.b'), 1)
  t.equal(hit('a.b', 'xaxb'), -1)
  t.equal(hit('ÄB', 'x äb'), 2)
  t.equal(hit('AB', 'ab', { caseSensitive: true }), -1)
  t.equal(hit('/(x', 'a/(X'), 1)
  t.equal(hit('foo', 'food foo', { wholeWord: true }), 5)
  t.equal(hit('foo', 'äfoo fooä', { wholeWord: true }), -1)
  t.equal(hit('-x', 'a-x -x', { wholeWord: true }), 4)
})

t.test('regular expressions', async (t) => {
  const regex = true
  t.equal(hit('^b$', 'b', { regex }), 0)
  t.equal(hit('b+', 'xaBB', { regex }), 2)
  t.equal(hit('b+', 'xaBB', { regex, caseSensitive: true }), -1)
  t.equal(hit('a|ab', 'xab ab', { regex, wholeWord: true }), 4)
  t.equal(hit('\\w+', '  ä', { regex }), 2)
  t.throws(() => hit('a)(b', 'x', { regex, wholeWord: true }), { code: 'bad_request' })
})

t.test('S-02 what RE2 lacks or would be too large is refused; nothing is slow', async (t) => {
  for (const pattern of ['(?=a)', '(a)\\1', '(', '(\\w{1000}){1000}', '(?<!x)y']) {
    t.throws(() => hit(pattern, 'x', { regex: true }), { code: 'bad_request', message: /regular expression/ }, pattern)
  }
  t.equal(hit('(a+)+$', `${'a'.repeat(100_000)}b`, { regex: true }), -1)
})

t.test('classes are those of Unicode', async (t) => {
  t.equal(unicodeClasses('a\\\\w[\\]\\d]\\D'), 'a\\\\w[\\]\\p{Nd}][^\\p{Nd}]')
  t.equal(unicodeClasses('[]\\s]\\Q\\w\\E'), '[]\\s\\x0b\\x{85}\\p{Z}]\\Q\\w\\E')
})
