// The command line of ripgrep: user text is never a flag, and each field of the query has its flag.

import t from 'tap'
import type { ContentQuery, SearchTarget } from '../../../src/workspace/search/content-query.ts'
import { filesArgv, lineNumbersArgv, treeArgv } from '../../../src/workspace/search/ripgrep-argv.ts'

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
const directory: SearchTarget = { kind: 'directory', directory: '/w', name: '', repository: undefined, barred: [] }

t.test('a plain query', async (t) => {
  t.strictSame(treeArgv('/rg', plain, directory, '/home/x/ignore'), [
    '/rg',
    '--debug',
    '--json',
    '--max-count=101',
    '--no-config',
    '--no-mmap',
    '--crlf',
    '--regex-size-limit=10M',
    '--ignore-case',
    '--fixed-strings',
    '--no-require-git',
    '--no-ignore-parent',
    '--no-ignore-global',
    '--ignore-file=/home/x/ignore',
    '--no-ignore-dot',
    '--no-ignore-messages',
    '-e',
    'x',
    '--',
    '.',
  ])
})

t.test('S-01 user text stands behind -e, behind -- or inside a flag of ours', async (t) => {
  const hostile = { ...plain, pattern: '--pre=/x.sh', ignorePatterns: ['--pre=x'] }
  for (const argv of [treeArgv('/rg', hostile, directory), filesArgv('/rg', hostile, true)]) {
    t.equal(argv[argv.indexOf('--pre=/x.sh') - 1], '-e')
    t.equal(argv.filter((word) => word.startsWith('--pre')).length, 1)
    t.equal(argv[argv.indexOf('--pre=/x.sh') + 1], '--')
  }
  t.ok(treeArgv('/rg', hostile, directory).includes('--glob=!--pre=x'))
})

t.test('every field has its flag', async (t) => {
  const has = (change: Partial<ContentQuery>, ...flags: string[]) => {
    const argv = treeArgv('/rg', { ...plain, ...change }, directory)
    for (const flag of flags) t.ok(argv.includes(flag), `${JSON.stringify(change)} → ${flag}`)
    return argv
  }
  has({ caseSensitive: true }, '--case-sensitive')
  has({ wholeWord: true }, '--word-regexp')
  has({ contextLines: 3 }, '--context=3')
  has({ includeHidden: true }, '--hidden', '--glob=!.git')
  t.notOk(has({ includeHidden: true, ignoreRules: false }, '--no-ignore').includes('--glob=!.git'))
  t.notOk(has({ regex: true }).includes('--fixed-strings'))
  has({ ignorePatterns: ['*.b', './c'] }, '--glob=!*.b', '--glob=!c')
  t.strictSame(
    has({ ignorePatterns: ['', '/'] }).filter((flag) => flag.startsWith('--glob')),
    [],
  )
  t.ok(filesArgv('/rg', plain, true).includes('--text'))
  t.notOk(filesArgv('/rg', plain, false).includes('--text'))
})

t.test('barred places are left out; in a repository its own root bounds the rules', async (t) => {
  const argv = treeArgv('/rg', plain, { ...directory, repository: '/w', barred: ['proc', 'a[b'] })
  for (const flag of ['--glob=!/proc', '--glob=!/a\\[b']) t.ok(argv.includes(flag), flag)
  for (const flag of ['--no-require-git', '--no-ignore-parent']) t.notOk(argv.includes(flag), flag)
})

t.test('S-04 line numbers are asked for without the lines', async (t) => {
  const argv = lineNumbersArgv('/rg', plain, 2)
  for (const flag of ['--max-columns=1', '--max-count=2', '--line-number', '--no-config']) t.ok(argv.includes(flag))
  t.notOk(argv.includes('--json'))
})
