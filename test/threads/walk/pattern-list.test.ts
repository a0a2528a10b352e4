// Lists of patterns from a request: what is expanded, and what is too much (S-03).

import t from 'tap'
import { Fault } from '../../../src/base/fault.ts'
import { expandBraces, expandPatterns } from '../../../src/threads/walk/pattern-list.ts'

function refusal(patterns: string[]): unknown {
  try {
    return expandPatterns('ignore_patterns', patterns)
  } catch (error) {
    return error instanceof Fault ? error.code : error
  }
}

t.test('braces become globs', (t) => {
  t.strictSame(expandPatterns('p', ['*.{js,ts}', 'a']), ['*.js', '*.ts', 'a'])
  t.strictSame(expandBraces('{a,b{c,d}}{,x}', 99), ['a', 'ax', 'bc', 'bcx', 'bd', 'bdx'])
  t.strictSame(expandBraces('\\{a,b}', 99), ['\\{a,b}'])
  t.strictSame(expandBraces('{a,b', 99), ['{a,b'], 'without a partner it is literal')
  t.end()
})

t.test('S-03 hostile lists are small or refused', (t) => {
  t.strictSame(expandPatterns('p', ['{1..999999999}']), ['1..999999999'])
  t.strictSame(expandPatterns('p', ['{}'.repeat(40)]), [''])
  for (const pattern of [
    '{a,b}'.repeat(40),
    `${'{'.repeat(200)}a,b${'}'.repeat(200)}{a,b}`.repeat(2),
    'x'.repeat(513),
    '[a',
    'a\\',
  ]) {
    t.equal(refusal([pattern]), 'bad_request')
  }
  const many = Array.from({ length: 1000 }, () => '{a,b}{c,d}{e,f}'.padEnd(100, 'x'))
  t.equal(refusal(many), 'bad_request')
  t.end()
})
