// What tests of content search share: searches as a caller asks them, a tree that has everything in it, and
// programs that stand in for ripgrep.

import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ripgrepPath } from '../../src/base/assets.ts'
import { readInput } from '../../src/intake/intake.ts'
import type { Operation } from '../../src/operation.ts'
import { contentQuery, searchContent } from '../../src/operations/search.ts'
import { openChildren } from '../../src/workspace/processes/child.ts'
import { openWalkers } from '../../src/workspace/listing/walkers.ts'
import { openContentSearch, type ContentSearch } from '../../src/workspace/search/content-search.ts'
import type { SearchResult } from '../../src/workspace/search/search-result.ts'

export const children = openChildren()
t.teardown(() => children[Symbol.asyncDispose]())

export const PATH = '/usr/local/bin:/usr/bin:/bin'
const home = t.testdir({ '.config': { git: { ignore: 'globally-ignored\n' } } })
export const walkers = openWalkers({ home: { home, configHome: undefined } })
t.teardown(() => walkers[Symbol.asyncDispose]())
const never = new AbortController().signal

export function open(ripgrep: string | undefined = ripgrepPath(), more: Record<string, string> = {}) {
  return openContentSearch({ children, walkers, ripgrep, environment: { PATH, HOME: home, ...more } })
}

/** Asks as a transport does. */
export async function ask(
  search: ContentSearch,
  asked: Record<string, unknown>,
  signal = never,
): Promise<SearchResult> {
  const { input } = readInput(searchContent as unknown as Operation, asked, { unknown: 'refuse' })
  return await search.search(contentQuery(input as Parameters<typeof contentQuery>[0]), signal)
}

/** Makes a directory among the temporary ones: outside every repository, and readable by all. */
export function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'content-search-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  chmodSync(path, 0o755)
  return path
}

/** A program in place of ripgrep that answers --version as it does. */
export function standIn(t: Test, script: string): string {
  const path = join(directory(t), 'rg')
  const version = 'case $1 in --version) echo "ripgrep 15.0.0 (rev x)"; exit;; esac'
  writeFileSync(path, `#!/bin/sh\n${version}\n${script}\n`, { mode: 0o755 })
  return path
}

/** Hidden, ignored, foreign and odd files; most hold the word. */
export function tree(t: Test): string {
  const root = t.testdir({
    'app.ts': 'const needle = 1\r\n// Needle of αβ needle\nfood foo\n\nneedles\n',
    'app.js': 'needle()\n',
    'types.d.ts': 'needle: string',
    'notes.TXT': 'ÄPFEL äpfel\nstraße NEEDLE\nкирпич needle кирпич\n𝕏needle x\n',
    empty: '',
    'weird [1] {a}.md': 'needle\n',
    '-dash': 'needle\n',
    '.hidden': 'needle\n',
    '.git': { config: 'needle\n', info: { exclude: 'excluded.txt\n' } },
    '.gitignore': 'ignored/\n*.log\n!keep.log\n/rooted.txt\n',
    '.ignore': 'app.js\n',
    'excluded.txt': 'needle\n',
    'globally-ignored': 'needle\n',
    'rooted.txt': 'needle\n',
    'x.log': 'needle\n',
    'keep.log': 'needle\n',
    ignored: { 'a.txt': 'needle\n' },
    deep: {
      '.gitignore': '*.tmp\n!/x.log\n',
      'rooted.txt': 'needle\n',
      'a.tmp': 'needle\n',
      'x.log': 'needle\n',
      b: { 'c.go': 'package needle\n\n\nfunc needle() {}\n', 'd.py': 'import needle\n' },
      '.dot': { 'e.txt': 'needle\n' },
    },
    node_modules: { m: { 'index.js': 'needle\n' } },
    inner: { '.git': { HEAD: '' }, 'x.log': 'needle\n' },
  })
  writeFileSync(join(root, 'latin1.txt'), Buffer.from('caf\xe9 needle\n', 'latin1'))
  writeFileSync(join(root, 'binary.dat'), Buffer.from('needle\n\0needle\n'))
  writeFileSync(join(root, 'utf16.txt'), Buffer.from('\uFEFFneedle ä\n', 'utf16le'))
  writeFileSync(join(root, 'bom.txt'), '\uFEFFneedle\n')
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0xff)]), 'needle\n')
  symlinkSync('app.ts', join(root, 'link.ts'))
  symlinkSync('.', join(root, 'loop'))
  return root
}
