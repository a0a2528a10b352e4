// One pattern of .gitignore syntax against names, byte by byte; hostile patterns cost no more than their length (S-03).

import t from 'tap'
import { compileGlob, matchSegments } from '../../../src/threads/walk/glob.ts'

function matches(glob: string, path: string): boolean {
  const segments = compileGlob(glob)
  return segments !== undefined && matchSegments(segments, path.split('/'), 0)
}

t.test('one segment', (t) => {
  const yes = [
    ['a', 'a'], ['*', '.hidden'], ['*.js', '.js'], ['a*c', 'abc'], ['a*c', 'ac'], ['?', 'x'], ['*a*b*', 'xaxbx'],
    ['[a-c]', 'b'], ['[!a-c]', 'd'], ['[^a]', 'b'], ['[]a]', ']'], ['[a-]', '-'], ['\\*', '*'], ['[[:digit:]x]', '7'],
    ['??', 'é'], ['é*', 'été'], ['[\\]]', ']'], ['a\\b', 'ab'],
  ] // prettier-ignore
  const no = [
    ['a', 'A'], ['a*c', 'abcd'], ['ab*ba', 'aba'], ['?', ''], ['[a-c]', 'd'], ['\\*', 'x'], ['[[:upper:]]', 'a'],
    ['?', 'é'], ['*.js', 'a.jsx'],
  ] // prettier-ignore
  for (const [glob = '', name = ''] of yes) t.ok(matches(glob, name), `${glob} takes ${name}`)
  for (const [glob = '', name = ''] of no) t.notOk(matches(glob, name), `${glob} refuses ${name}`)
  t.end()
})

t.test('globstars', (t) => {
  for (const path of ['b', 'a/b', 'a/a/b']) t.ok(matches('**/b', path))
  for (const path of ['a/b', 'a/x/b', 'a/x/y/b']) t.ok(matches('a/**/b', path))
  for (const path of ['a/b', 'a/b/c']) t.ok(matches('a/**', path))
  t.notOk(matches('a/**', 'a'), 'what lies below, not the directory')
  t.notOk(matches('a/*', 'a/b/c'))
  t.ok(matches('a/**/**/b', 'a/b'))
  t.end()
})

t.test('what git gives up on matches nothing', (t) => {
  for (const glob of ['[a', 'a\\', '[[:nope:]]', '[[:constructor:]]', '[[:alpha:'])
    t.equal(compileGlob(glob), undefined, glob)
  t.end()
})

t.test('S-03 hostile globs end: stars, globstars and classes against names that almost match', (t) => {
  const name = `${'a'.repeat(254)}c`
  t.notOk(matches(`${'*a'.repeat(34)}*b`, name))
  t.notOk(matches(`${'*'.repeat(34)}b`, name))
  t.notOk(matches(`${'[a-z]*'.repeat(80)}b`, name))
  t.notOk(matches(`${'**/a/'.repeat(100)}b`, Array.from({ length: 1000 }, () => 'a').join('/')))
  t.end()
})
