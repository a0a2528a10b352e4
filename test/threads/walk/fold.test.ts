// Folding for substrings: the same characters as one as in regular expressions that ignore case.

import t from 'tap'
import { folded } from '../../../src/threads/walk/fold.ts'

t.test('character by character', async (t) => {
  t.equal(folded('ΛΟΓΟΣ.txt'), folded('λογος.txt'))
  t.ok(folded('ΛΟΓΟΣ.txt').includes(folded('ΛΟΓΟΣ')))
  t.ok(folded('λόγος').includes(folded('όγοΣ')))
  for (const [one, other] of [
    ['STRASSE', 'straße'],
    ['ı', 'i'],
    ['İ', 'i'],
  ] as const)
    t.not(folded(one), folded(other))
})

t.test('as the expressions with the flags "i" and "u" see it, for every character', async (t) => {
  const wrong: string[] = []
  for (let point = 0x80; point < 0x20000; point++) {
    const character = String.fromCodePoint(point)
    if (/[\p{Cs}\p{Cn}]/u.test(character)) continue
    const one = folded(character)
    if (Array.from(one).length !== 1) wrong.push(point.toString(16))
    else if (one !== character && !new RegExp(`^${character}$`, 'iu').test(one)) wrong.push(point.toString(16))
  }
  t.strictSame(wrong, [])
})
