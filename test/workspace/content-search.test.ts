// Content search with real trees, a real ripgrep and stand-ins for a broken one. Both engines must give the
// same answers where they share syntax.

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ripgrepPath } from '../../src/assets.ts'
import { takeIn } from '../../src/intake.ts'
import type { Operation } from '../../src/operation.ts'
import { contentQuery, searchContent } from '../../src/operations/search.ts'
import { openChildren } from '../../src/workspace/child.ts'
import { openContentSearch, type ContentSearch, type EngineChoice } from '../../src/workspace/content-search.ts'
import type { SearchResult } from '../../src/workspace/search-result.ts'
import { until } from '../support/until.ts'

const children = openChildren()
t.teardown(() => children[Symbol.asyncDispose]())

const PATH = '/usr/local/bin:/usr/bin:/bin'
const home = t.testdir({ '.config': { git: { ignore: 'globally-ignored\n' } } })
const never = new AbortController().signal

function open(engine: EngineChoice, ripgrep: string | undefined = ripgrepPath(), more: Record<string, string> = {}) {
  return openContentSearch({ children, engine, ripgrep, environment: { PATH, HOME: home, ...more } })
}

async function ask(search: ContentSearch, asked: Record<string, unknown>, signal = never): Promise<SearchResult> {
  const { input } = takeIn(searchContent as unknown as Operation, asked, { unknown: 'refuse' })
  return await search.search(contentQuery(input as Parameters<typeof contentQuery>[0]), signal)
}

/** Numbers of the running processes whose command line holds `text`. */
function processesWith(text: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'latin1').includes(text) ? [Number(entry)] : []
    } catch {
      return []
    }
  })
}

/** A directory of its own below the system's: outside every repository, and readable by all. */
function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'content-search-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  chmodSync(path, 0o755)
  return path
}

/** A program in place of ripgrep that answers --version as it does. */
function standIn(t: Test, script: string): string {
  const path = join(directory(t), 'rg')
  const version = 'case $1 in --version) echo "ripgrep 15.0.0 (rev x)"; exit;; esac'
  writeFileSync(path, `#!/bin/sh\n${version}\n${script}\n`, { mode: 0o755 })
  return path
}

function tree(t: Test): string {
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

t.test('the answer, literally', async (t) => {
  const root = t.testdir({ sub: { 'a.txt': 'one\nä Needle needle\nthree\n' } })
  const answer = (more: object) => ({
    query: 'needle',
    total_matches: 1,
    total_files: 1,
    capped: false,
    engine: 'ripgrep',
    ...more,
  })
  const flat = { path: `${root}/sub/a.txt`, line_number: 2, line: 2, text: 'ä Needle needle', column: 3 }
  t.strictSame(
    await ask(open('auto'), { query: 'needle', path: root }),
    answer({
      path: root,
      results: { 'sub/a.txt': [{ line: 2, text: 'ä Needle needle', column: 3 }] },
      matches: [flat],
    }),
  )
  t.strictSame(
    await ask(open('auto'), { q: 'needle', path: `${root}/sub/a.txt`, context_lines: '1' }),
    answer({
      path: `${root}/sub/a.txt`,
      results: { 'a.txt': [{ line: 2, text: 'ä Needle needle', column: 3, before: ['one'], after: ['three'] }] },
      matches: [flat],
    }),
  )
})

t.test('S-01 M-06 hostile patterns, names and configuration are data', async (t) => {
  const marker = join(t.testdir({ w: {} }), 'marker')
  const root = join(marker, '../w')
  const script = join(root, 'x.sh')
  writeFileSync(script, `#!/bin/sh\ntouch ${marker}\ncat\n`, { mode: 0o755 })
  writeFileSync(join(root, 'config'), `--pre=${script}\n--files\n`)
  const patterns = [`--pre=${script}`, '-f/etc/shadow', `--hostname-bin=${script}`, '-x', '--', '-', '--files']
  writeFileSync(join(root, '-f'), patterns.map((pattern) => `line ${pattern}\n`).join(''))
  for (const engine of ['ripgrep', 'builtin'] as const) {
    const search = open(engine, ripgrepPath(), { RIPGREP_CONFIG_PATH: join(root, 'config') })
    for (const q of patterns) {
      t.ok((await ask(search, { q, path: root })).results['-f'], `${engine} finds ${q}`)
      t.ok((await ask(search, { q, path: join(root, '-f'), regex: q.includes('/') ? false : true })).results['-f'])
    }
    await ask(search, {
      q: 'x',
      path: root,
      file_types: [`-x`, `--pre=${script}`],
      ignore_patterns: [`--pre=${script}`],
    })
  }
  t.throws(() => readFileSync(marker), { code: 'ENOENT' }, 'nothing planted was run')
})

t.test('S-02 patterns that would be slow or are not regular expressions', async (t) => {
  const root = t.testdir({ a: `${'a'.repeat(1 << 20)}b\n` })
  for (const engine of ['ripgrep', 'builtin'] as const) {
    const search = open(engine)
    t.equal((await ask(search, { q: '(a+)+$', regex: true, path: root, timeout: 5 })).total_matches, 0)
    for (const q of ['(\\w{1000}){1000}', '(', '(?=a)', '(a)\\1', 'a**b(']) {
      await t.rejects(ask(search, { q, regex: true, path: root }), { code: 'bad_request' }, `${engine} ${q}`)
    }
    await t.rejects(ask(search, { q: 'a\nb', path: root }), { code: 'bad_request', message: /line break/ })
    await t.rejects(ask(search, { q: 'a\0b', path: root }), { code: 'bad_request', message: /NUL/ })
  }
})

t.test('S-03 hostile globs end soon or are refused', async (t) => {
  const root = t.testdir({ ['a'.repeat(200)]: 'needle' })
  for (const engine of ['ripgrep', 'builtin'] as const) {
    const search = open(engine)
    for (const glob of [
      `${'*a'.repeat(34)}b`,
      `${'**/'.repeat(34)}b`,
      '+(+(+(a)))',
      '{1..999999999}',
      `${'?*'.repeat(34)}b`,
    ]) {
      t.equal(
        (await ask(search, { q: 'needle', path: root, ignore_patterns: [glob], timeout: 5 })).total_matches,
        1,
        glob,
      )
    }
    for (const glob of ['{a,b}'.repeat(40), '[a', 'a\\', '!a']) {
      await t.rejects(ask(search, { q: 'needle', path: root, ignore_patterns: [glob] }), { code: 'bad_request' }, glob)
    }
    t.equal((await ask(search, { q: 'needle', path: root, ignore_patterns: ['{}'.repeat(40)] })).total_matches, 1)
  }
})

t.test('S-04 one endless line costs the daemon little and is told cut', async (t) => {
  const root = t.testdir({ 'before.txt': 'x\n' })
  const fd = openSync(join(root, 'big.txt'), 'w')
  writeSync(fd, 'first\nneedle ')
  const block = Buffer.alloc(1 << 20, 'x')
  for (let i = 0; i < 512; i++) writeSync(fd, block)
  closeSync(fd)
  const search = open('ripgrep')
  await ask(search, { q: 'first', path: join(root, 'before.txt') })
  const before = process.memoryUsage().rss
  let peak = 0
  const sampler = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5)
  const { results, capped, warnings } = await ask(search, { q: 'needle', path: root, timeout: 60 })
  clearInterval(sampler)
  const [match] = results['big.txt'] ?? []
  t.match(match, { line: 2, truncated: true })
  t.equal(match?.text.length, 4096)
  t.equal(capped, true)
  t.match(warnings, [/^big\.txt: a line is longer than 8 MiB/])
  t.ok(peak - before < 64 * 1024 * 1024, `${Math.round((peak - before) / 1024)} KiB more`)
  t.strictSame(processesWith(root), [])
})

t.test('S-05 the cap and the deadline stop the search', async (t) => {
  const root = t.testdir(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 'a\n'.repeat(5000)])))
  for (const engine of ['ripgrep', 'builtin'] as const) {
    const answer = await ask(open(engine), { q: '.', regex: true, path: root, max_results: 1000 })
    t.match(answer, { total_matches: 1000, capped: true })
    t.equal(answer.matches.length, 1000)
  }
  const slow = standIn(t, 'sleep 600 & exec sleep 600')
  await t.rejects(ask(open('ripgrep', slow), { q: 'x', path: root, timeout: 0.1 }), {
    code: 'timeout',
    message: /0\.1 s/,
  })
  t.equal(children.size, 0)
  await t.rejects(ask(open('builtin'), { q: 'x', path: '/', no_gitignore: true, timeout: 0.001 }), { code: 'timeout' })
})

t.test('S-06 the caller leaves, 100 times', async (t) => {
  const root = t.testdir({ a: 'x' })
  const slow = standIn(t, `exec sleep 600.${process.pid}`)
  const search = open('ripgrep', slow)
  await search.status()
  for (let round = 0; round < 100; round++) {
    const caller = new AbortController()
    const asked = ask(search, { q: 'x', path: root, timeout: 60 }, caller.signal)
    if (round % 2 === 0) await until('the search runs', () => children.size > 0)
    caller.abort()
    await t.rejects(asked, { name: 'AbortError' })
  }
  t.equal(children.size, 0)
  t.strictSame(processesWith(`600.${process.pid}`), [])
})

t.test('S-07 special files, loops and names; a FIFO by name', async (t) => {
  const root = tree(t)
  execFileSync('mkfifo', [join(root, 'fifo.ts')])
  for (const engine of ['ripgrep', 'builtin'] as const) {
    const search = open(engine)
    const { results, matches } = await ask(search, { q: 'needle', path: root })
    t.match(results['latin1.txt'], [{ text: 'caf\uFFFD needle', column: 6, lossy: true }])
    t.match(
      matches.find(({ lossy_name }) => lossy_name),
      { path: `${root}/\uFFFD` },
    )
    t.equal((await ask(search, { q: 'no such text', path: root })).total_matches, 0)
    await t.rejects(ask(search, { q: 'x', path: join(root, 'fifo.ts') }), { code: 'not_regular', status: 400 })
    await t.rejects(ask(search, { q: 'x', path: '/dev/zero' }), { code: 'not_regular' })
    await t.rejects(ask(search, { q: 'x', path: join(root, 'nope') }), { code: 'not_found' })
  }
})

const canDrop = process.getuid?.() === 0
t.test(
  'S-07 what cannot be read becomes a warning',
  { skip: !canDrop && 'needs root, to search as another user' },
  async (t) => {
    const outside = directory(t)
    writeFileSync(join(outside, 'a.txt'), 'needle\n')
    writeFileSync(join(outside, 'closed.txt'), 'needle\n', { mode: 0o600 })
    mkdirSync(join(outside, 'closed'), { mode: 0o700 })
    const copy = join(outside, '.rg')
    execFileSync('cp', [ripgrepPath() ?? '', copy])
    chmodSync(copy, 0o755)
    const nobody = standIn(t, `exec setpriv --reuid=65534 --regid=65534 --clear-groups ${copy} "$@"`)
    const { results, warnings, capped } = await ask(open('ripgrep', nobody), { q: 'needle', path: outside })
    t.strictSame(Object.keys(results), ['a.txt'])
    t.strictSame(warnings?.toSorted(), [
      'closed.txt: Permission denied (os error 13)',
      'closed: Permission denied (os error 13)',
    ])
    t.equal(capped, false)
  },
)

t.test('a search from the root leaves out what the kernel makes', async (t) => {
  // Everything else is left out by name, so that only those places could answer.
  const others = readdirSync('/').filter((name) => !['proc', 'sys', 'dev'].includes(name))
  const ignore_patterns = others.map((name) => `/${name}`)
  for (const engine of ['ripgrep', 'builtin'] as const) {
    t.equal((await ask(open(engine), { q: 'processor', path: '/', ignore_patterns })).total_matches, 0, engine)
    t.ok(
      (await ask(open(engine), { q: 'processor', path: '/proc/cpuinfo' })).total_matches > 0,
      'one named is searched',
    )
  }
})

t.test('which engine answers', async (t) => {
  const root = t.testdir({ a: 'needle', broken: 'no program', other: '#!/bin/sh\necho grep 1.0\n' })
  const broken = join(root, 'broken')
  const other = join(root, 'other')
  chmodSync(other, 0o755)
  t.strictSame(await open('auto').status(), {
    installed: true,
    path: ripgrepPath(),
    version: 'ripgrep 15.0.0',
    engine: 'ripgrep',
  })
  t.match(await open('builtin').status(true), { installed: true, engine: 'builtin' })
  for (const binary of [undefined, broken, other, '/nowhere/rg']) {
    const auto = openContentSearch({ children, engine: 'auto', ripgrep: binary, environment: { PATH } })
    const pinned = openContentSearch({ children, engine: 'ripgrep', ripgrep: binary, environment: { PATH } })
    t.match(await auto.status(), { installed: false, engine: 'builtin', message: /built-in engine/ }, String(binary))
    t.match(await ask(auto, { q: 'needle', path: root }), { engine: 'builtin', total_matches: 1 })
    await t.rejects(ask(pinned, { q: 'needle', path: root }), { code: 'unavailable', message: /unavailable/ })
  }
})

t.test('a ripgrep that fails', async (t) => {
  const root = t.testdir({ a: 'needle' })
  const fails = (script: string) => ask(open('ripgrep', standIn(t, script)), { q: 'needle', path: root })
  await t.rejects(fails('kill -SEGV $$'), { code: 'internal_error', message: /SIGSEGV/ })
  await t.rejects(fails('echo "rg: regex parse error" >&2; exit 2'), {
    code: 'bad_request',
    message: /regex parse error/,
  })
  await t.rejects(fails('exit 7'), { code: 'internal_error', message: /exit code 7/ })
})

t.test('at most 16 searches run at a time', async (t) => {
  const root = t.testdir({ a: 'x' })
  const search = open('ripgrep', standIn(t, 'exec sleep 600'))
  await search.status()
  const callers = Array.from({ length: 16 }, () => new AbortController())
  const running = callers.map(({ signal }) => ask(search, { q: 'x', path: root, timeout: 60 }, signal))
  await t.rejects(ask(search, { q: 'x', path: root }), { code: 'rate_limited', retryAfter: 1 })
  for (const caller of callers) caller.abort()
  t.ok((await Promise.allSettled(running)).every(({ status }) => status === 'rejected'))
  await t.rejects(ask(search, { q: 'x', path: root, timeout: 0.05 }), { code: 'timeout' }, 'free again')
})
