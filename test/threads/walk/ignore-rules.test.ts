// Rules of ignore files as git has them, in the order in which they count.

import t from 'tap'
import { isIgnored, parseRules, rulesOfGlobs, within } from '../../../src/threads/walk/ignore-rules.ts'
import { pseudoMounts } from '../../../src/threads/walk/mounts.ts'

function ignored(rules: string, path: string): boolean {
  const directory = path.endsWith('/')
  const segments = path.split('/').filter((segment) => segment !== '')
  const place = { segments: segments.slice(0, -1) }
  return isIgnored(within(parseRules(rules), 0, undefined), place, segments.at(-1) ?? '', directory)
}

t.test('lines as gitignore(5) has them', (t) => {
  t.ok(ignored('# comment\n\na\n', 'a'))
  t.ok(ignored('a', 'x/a'), 'without a slash: at any level')
  t.notOk(ignored('/a', 'x/a'), 'with one: from the file on')
  t.notOk(ignored('a/', 'a'), 'directories only')
  t.ok(ignored('a/', 'a/'))
  t.ok(ignored('a   \r\n', 'a'), 'trailing spaces and CR')
  t.ok(ignored('a\\ ', 'a '), 'an escaped space stays')
  t.ok(ignored('\\#a', '#a'))
  t.ok(ignored('\\!a', '!a'))
  t.ok(ignored('\uFEFFa', 'a'), 'byte order mark')
  t.notOk(ignored('*.o\n!keep.o', 'keep.o'), 'the last line decides')
  t.ok(ignored('!keep.o\n*.o', 'keep.o'))
  t.ok(ignored('keep.o\n!*.o\nkeep.o', 'keep.o'), 'whichever way a line is looked up')
  t.notOk(ignored('keep.o\n!k*', 'keep.o'))
  t.end()
})

t.test('the nearest set decides', (t) => {
  const outer = within(parseRules('a\nb'), 0, undefined)
  const inner = within(parseRules('!a'), 1, outer)
  t.notOk(isIgnored(inner, { segments: ['x'] }, 'a', false))
  t.ok(isIgnored(inner, { segments: ['x'] }, 'b', false))
  const anchored = within(parseRules('/c'), 1, outer)
  t.ok(isIgnored(anchored, { segments: ['x'] }, 'c', false))
  t.notOk(isIgnored(anchored, { segments: ['x', 'y'] }, 'c', false))
  t.end()
})

t.test('a list of globs has no comments', (t) => {
  t.ok(isIgnored(within(rulesOfGlobs(['#a', './b']), 0, undefined), { segments: [] }, '#a', false))
  t.ok(isIgnored(within(rulesOfGlobs(['./b']), 0, undefined), { segments: [] }, 'b', false))
  t.end()
})

t.test('pseudo file systems out of mountinfo', (t) => {
  const line = '22 1 0:20 / /mnt/a\\040b rw,nosuid shared:5 - proc proc rw\n23 1 8:1 / / rw - ext4 /dev/sda rw\n'
  t.strictSame(pseudoMounts(line), ['/mnt/a b'])
  t.end()
})
