// The built-in engine against ripgrep: on one tree, the same answers to the same questions, as far as they
// share syntax.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask, directory, open, tree } from '../support/content-search.ts'

t.setTimeout(120_000)

/** Queries on which the engines must agree; each finds something unless it says so. */
const SHARED: readonly (Record<string, unknown> & { none?: true })[] = [
  { q: 'needle' },
  { q: 'Needle', case_sensitive: true },
  { q: 'äpfel' },
  { q: 'ÄPFEL', case_sensitive: true },
  { q: 'needle', whole_word: true },
  { q: 'foo', whole_word: true },
  { q: 'кирп', whole_word: true, none: true },
  { q: 'const|func', regex: true },
  { q: '^needle\\b', regex: true },
  { q: 'needle$', regex: true },
  { q: '^$', regex: true },
  { q: '\\w+ße', regex: true },
  { q: '[[:upper:]]{6}', regex: true, case_sensitive: true },
  { q: 'n..dle', regex: true, whole_word: true },
  { q: '\\p{Cyrillic}+ n', regex: true },
  { q: 'a.c(', none: true },
  { q: 'needle', context_lines: 1 },
  { q: 'needle', context_lines: 10 },
  { q: 'needle', file_types: 'ts' },
  { q: 'needle', file_types: ['.go', 'PY', '*.py', 'd.ts'] },
  { q: 'needle', include_hidden: true },
  { q: 'needle', no_gitignore: true },
  { q: 'needle', use_gitignore: false, include_hidden: true },
  { q: 'needle', ignore_patterns: 'deep,*.md,app.*' },
  { q: 'needle', ignore_patterns: ['/deep/b/*.go', 'node_modules/', '**/d.{py,rb}', '[a-k]*.txt', '\\!x', 'weird {'] },
  { q: 'needle', path: 'deep/b' },
  { q: 'needle', path: 'ignored' },
  { q: 'needle', path: 'inner' },
  { q: 'needle', path: 'loop' },
  { q: 'needle', path: 'app.ts', context_lines: 1 },
  { q: 'needle', path: 'x.log', file_types: 'go', ignore_patterns: '*.log' },
  { q: 'needle', path: 'binary.dat' },
  { q: 'needle', path: 'link.ts' },
  { q: 'needle', path: '-dash' },
]

t.test('the engines agree', async (t) => {
  const root = tree(t)
  const ripgrep = open('ripgrep')
  const builtin = open('builtin')
  for (const { none, ...shared } of SHARED) {
    const asked = { ...shared, path: join(root, String(shared.path ?? '')) }
    const [{ engine: one, ...expected }, { engine: other, ...got }] = await Promise.all([
      ask(ripgrep, asked),
      ask(builtin, asked),
    ])
    t.strictSame([one, other], ['ripgrep', 'builtin'])
    t.strictSame(got, expected, JSON.stringify(shared))
    t.equal(
      expected.total_matches > 0,
      none !== true,
      `${JSON.stringify(shared)} finds ${none ? 'nothing' : 'something'}`,
    )
  }
})

t.test('outside a repository the rules of parents do not count', async (t) => {
  const root = directory(t)
  mkdirSync(join(root, 'sub'))
  writeFileSync(join(root, '.gitignore'), '*')
  writeFileSync(join(root, 'sub/.gitignore'), 'b.txt')
  for (const name of ['a.txt', 'b.txt']) writeFileSync(join(root, 'sub', name), 'needle')
  for (const engine of ['ripgrep', 'builtin'] as const) {
    t.strictSame(
      Object.keys((await ask(open(engine), { q: 'needle', path: `${root}/sub` })).results),
      ['a.txt'],
      engine,
    )
  }
})
