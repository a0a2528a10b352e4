// The command line of ripgrep: user text is never a flag, and each field of the query has its flag.

import t from 'tap'
import type { ContentQuery, SearchTarget } from '../../../src/workspace/search/content-query.ts'
import { lineNumbersArgv, ripgrepArgv } from '../../../src/workspace/search/ripgrep-argv.ts'

const plain: ContentQuery = {
  pattern: 'x',
  path: '/w',
  caseSensitive: false,
  regex: false,
  wholeWord: false,
  maxResults: 100,
  timeoutSeconds: 10,
  contextLines: 0,
  fileTypes: [],
  includeHidden: false,
  ignoreRules: true,
  ignorePatterns: [],
}
const directory: SearchTarget = { kind: 'directory', directory: '/w', name: '', inRepository: false, barred: [] }

t.test('a plain query', async (t) => {
  t.strictSame(ripgrepArgv('/rg', plain, directory), [
    '/rg',
    '--json',
    '--max-count=101',
    '--no-config',
    '--no-mmap',
    '--regex-size-limit=10M',
    '--ignore-case',
    '--fixed-strings',
    '--no-require-git',
    '--no-ignore-parent',
    '--no-ignore-dot',
    '--no-ignore-messages',
    '-e',
    'x',
    '--',
    '.',
  ])
})

t.test('S-01 user text stands behind -e, behind -- or inside a flag of ours', async (t) => {
  const hostile = { ...plain, pattern: '--pre=/x.sh', fileTypes: ['-x'], ignorePatterns: ['--pre=x'] }
  const file: SearchTarget = { ...directory, kind: 'file', name: '-f' }
  const argv = ripgrepArgv('/rg', hostile, file)
  t.equal(argv[argv.indexOf('--pre=/x.sh') - 1], '-e')
  t.strictSame(argv.slice(-2), ['--', './-f'])
  t.ok(argv.includes('--type-add=wr:*.-x'))
  t.ok(argv.includes('--glob=!--pre=x'))
  t.equal(argv.filter((word) => word.startsWith('--pre')).length, 1)
})

t.test('every field has its flag', async (t) => {
  const has = (change: Partial<ContentQuery>, ...flags: string[]) => {
    const argv = ripgrepArgv('/rg', { ...plain, ...change }, directory)
    for (const flag of flags) t.ok(argv.includes(flag), `${JSON.stringify(change)} → ${flag}`)
    return argv
  }
  has({ caseSensitive: true }, '--case-sensitive')
  has({ wholeWord: true }, '--word-regexp')
  has({ contextLines: 3 }, '--context=3')
  has({ includeHidden: true }, '--hidden', '--glob=!.git')
  t.notOk(has({ includeHidden: true, ignoreRules: false }, '--no-ignore').includes('--glob=!.git'))
  t.notOk(has({ regex: true }).includes('--fixed-strings'))
  has({ fileTypes: ['go', 'a*b'] }, '--type-add=wr:*.go', '--type-add=wr:*.a\\*b', '--type=wr')
  has({ ignorePatterns: ['a{b', '[{]', './c'] }, '--glob=!a\\{b', '--glob=![{]', '--glob=!c')
  t.strictSame(
    has({ ignorePatterns: ['', '/'] }).filter((flag) => flag.startsWith('--glob')),
    [],
  )
})

t.test('barred places are left out; in a repository its own root bounds the rules', async (t) => {
  const argv = ripgrepArgv('/rg', plain, { ...directory, inRepository: true, barred: ['proc', 'a[b'] })
  for (const flag of ['--glob=!/proc', '--glob=!/a\\[b']) t.ok(argv.includes(flag), flag)
  for (const flag of ['--no-require-git', '--no-ignore-parent']) t.notOk(argv.includes(flag), flag)
})

t.test('S-04 line numbers are asked for without the lines', async (t) => {
  const argv = lineNumbersArgv('/rg', plain, { ...directory, kind: 'file', name: 'a', count: 2 })
  for (const flag of ['--max-columns=1', '--max-count=2', '--line-number', '--no-config']) t.ok(argv.includes(flag))
  t.notOk(argv.includes('--json'))
})
