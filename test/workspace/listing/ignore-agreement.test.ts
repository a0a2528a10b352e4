// The walker's ignore rules against two others: `rg --files` on random trees, and npm `ignore` on random
// patterns. The seed is fixed; a failure prints the tree.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import ignore from 'ignore'
import t from 'tap'
import { isIgnored, parseRules, within } from '../../../src/threads/walk/ignore-rules.ts'
import { streamFiles } from '../../../src/workspace/listing/listing.ts'
import { openWalkers } from '../../../src/workspace/listing/walkers.ts'
import { linesOf, listRequest } from '../../support/listings.ts'
import { seeded } from '../../support/random.ts'

/** The ripgrep that npm installed for this machine. */
const RIPGREP = join(import.meta.dirname, `../../../node_modules/@vscode/ripgrep-linux-${process.arch}/bin/rg`)

const NEVER = new AbortController().signal

const NAMES = ['a', 'b', 'ab', 'a.ts', 'b.ts', 'a.o', '.x', 'c d', 'lib', 'out', 'a-1', 'a[b]', 'é', '日本.ts', 'A']
const PATTERNS = [
  ...String.raw`
    a b/ *.ts !a.ts /a /lib/ lib/* !lib/a a* *b* a? [ab] [!ab] [a-c]* **/a a/** **/lib/** lib/**/a /**/b
    !**/b .x * !*/ *.* out/ !out/ a-[0-9] a\[b\] [^a] \#a é ? ?? *é* lib/a.ts /* !/lib */a */*/a a/b
    a/*/b [A-Z] 日* **/*.o ** lib/**
  `
    .trim()
    .split(/\s+/),
  'c d',
  'c\\ d',
  '# a',
  'a ',
]

t.test('the same files as rg on random trees of rules', async (t) => {
  const rg = existsSync(RIPGREP) ? RIPGREP : undefined
  if (rg === undefined) {
    t.comment('skipped: no ripgrep for this machine')
    return
  }
  await using walkers = openWalkers({ home: { home: undefined, configHome: undefined } })
  for (let seed = 1; seed <= 40; seed++) {
    const root = mkdtempSync(join(tmpdir(), 'ignore-agreement-'))
    try {
      plant(root, seeded(seed).below)
      const flags = ['--files', '--hidden', '--no-config', '--no-require-git', '--no-ignore-dot', '--no-ignore-global']
      const { stdout } = spawnSync(rg, [...flags, '--no-ignore-parent', '-g', '!.git', root], { encoding: 'utf8' })
      const request = listRequest({ path: root, light: true })
      const entries = await linesOf(await streamFiles(walkers, request, NEVER))
      const files = entries.filter(({ type }) => type === 'file').map(({ path }) => path)
      t.strictSame(files.toSorted(), stdout.split('\n').filter(Boolean).toSorted(), `seed ${seed}`)
    } finally {
      rmSync(root, { recursive: true })
    }
  }
})

function plant(root: string, pick: (below: number) => number): void {
  const some = <T>(list: readonly T[]): T => list[pick(list.length)] as T
  const rules = () => Array.from({ length: 1 + pick(6) }, () => some(PATTERNS)).join('\n') + '\n'
  const write = (path: string, text: string) => {
    try {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    } catch {
      // a file already stands where the path wants a directory
    }
  }
  for (let i = 0; i < 60; i++) {
    const depth = 1 + pick(4)
    write(join(root, ...Array.from({ length: depth }, () => some(NAMES))), 'x')
  }
  write(join(root, '.gitignore'), rules())
  for (let i = 0; i < 3; i++) write(join(root, some(NAMES), '.gitignore'), rules())
  if (pick(2) === 0) write(join(root, '.git/info/exclude'), rules())
  // No repository inside: with --no-require-git rg lets outer rules reach into it, where git does not.
}

t.test('the same answers as npm ignore on random patterns', (t) => {
  const pick = seeded(7).below
  const parts = ['a', 'b', '*', '**', '?', '/', '[ab]', '[!a]', '[a-b]', '\\*', '.', 'ab', '!', '[[:digit:]]', '1']
  const names = ['a', 'b', 'ab', 'a1', '.a', 'a.b', '*', '1', 'aab', 'abab']
  let compared = 0
  for (let i = 0; i < 3000; i++) {
    const pattern = Array.from({ length: 1 + pick(6) }, () => parts[pick(parts.length)]).join('')
    // Where the library says itself that it differs from git (a run of stars beside a name).
    if (/[^/]\*\*|\*\*[^/]|\*{3}/.test(pattern)) continue
    const path = Array.from({ length: 1 + pick(4) }, () => names[pick(names.length)] ?? 'a')
    const directory = pick(2) === 0
    const scope = within(parseRules(pattern), 0, undefined)
    const ours = path.some((name, at) =>
      isIgnored(scope, { segments: path.slice(0, at) }, name, at < path.length - 1 || directory),
    )
    const theirs = ignore({ ignorecase: false })
      .add(pattern)
      .ignores(path.join('/') + (directory ? '/' : ''))
    if (ours !== theirs) t.fail(`${JSON.stringify(pattern)} on ${path.join('/')}${directory ? '/' : ''}: ours ${ours}`)
    compared++
  }
  t.ok(compared > 1500, `${compared} compared`)
  t.end()
})
