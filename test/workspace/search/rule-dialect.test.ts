// Rules that git and ripgrep read alike, and those that are kept from ripgrep. What the two make of them is
// compared with git in test/operations/ignored.test.ts.

import t from 'tap'
import { fileReadAlike, hasPlaces, patternReadAlike, readAlike } from '../../../src/workspace/search/rule-dialect.ts'

t.test('everyday rules are left to ripgrep', async (t) => {
  for (const rule of [
    '*.o',
    '!keep.o',
    '/build/',
    'a/**/b',
    '**/x',
    'doc/**',
    '[._]*.sw[a-p]',
    '*.py[cod]',
    'Icon[\r]',
    '\\#*#',
    '.\\#*',
    'a b',
    'é.js',
    '~$*',
    '*.swp?',
    '*',
    '.*',
    '[!a]*',
  ]) {
    // prettier-ignore
    t.ok(readAlike(rule), rule)
  }
})

t.test('what the two read differently is not', async (t) => {
  for (const rule of [
    '*.py{}',
    '*.{a,b}',
    '[[:upper:]].md',
    '[z-a]',
    '***/d',
    'a**',
    '**a',
    'foo\t',
    'foo\f',
    'foo\\ ',
    'a\\',
    '[a',
    'a]',
    '//a',
    './a',
    'a//b',
    'a/../b',
    '!!b',
    '**/**/a',
    '[é]',
    'caf\uFFFD',
    'x\0y',
    '/',
    '!',
  ]) {
    // prettier-ignore
    t.notOk(readAlike(rule), JSON.stringify(rule))
  }
})

t.test('a file is read alike where each of its rules is', async (t) => {
  t.ok(fileReadAlike('\uFEFF# {comment}\r\n*.o\r\n\r\nname   \n'))
  t.notOk(fileReadAlike('*.o\nfoo\t\n'))
  t.ok(hasPlaces('*.o\n/build\n'))
  t.ok(hasPlaces('a/b'))
  t.notOk(hasPlaces('*.o\nbuild/\n# a/b\n'))
  t.ok(patternReadAlike('./a'))
  t.ok(patternReadAlike('/'))
})
