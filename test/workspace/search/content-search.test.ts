// Content search with real trees, a real ripgrep and stand-ins for a broken one: the rows of
// guarantees.md#search-s, and what is said where ripgrep does not run.

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ripgrepPath } from '../../../src/base/assets.ts'
import { openContentSearch } from '../../../src/workspace/search/content-search.ts'
import { ask, children, directory, open, PATH, standIn, tree, walkers } from '../../support/content-search.ts'
import { until } from '../../support/until.ts'

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
  const flat = {
    path: `${root}/sub/a.txt`,
    line_number: 2,
    line: 'ä Needle needle',
    text: 'ä Needle needle',
    column: 3,
  }
  t.strictSame(
    await ask(open(), { query: 'needle', path: root }),
    answer({
      path: root,
      results: { 'sub/a.txt': [{ line: 2, text: 'ä Needle needle', column: 3 }] },
      matches: [flat],
    }),
  )
  t.strictSame(
    await ask(open(), { q: 'needle', path: `${root}/sub/a.txt`, context_lines: '1' }),
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
  const search = open(ripgrepPath(), { RIPGREP_CONFIG_PATH: join(root, 'config') })
  for (const q of patterns) {
    t.ok((await ask(search, { q, path: root })).results['-f'], `finds ${q}`)
    t.ok((await ask(search, { q, path: join(root, '-f'), regex: q.includes('/') ? false : true })).results['-f'])
  }
  await ask(search, { q: 'x', path: root, file_types: ['-x'], ignore_patterns: [`--pre=${script}`] })
  const types = [`--pre=${script}`]
  await t.rejects(ask(search, { q: 'x', path: root, file_types: types }), { message: /no file extension/ })
  t.throws(() => readFileSync(marker), { code: 'ENOENT' }, 'nothing planted was run')
})

t.test('S-02 patterns that would be slow or are not regular expressions', async (t) => {
  const root = t.testdir({ a: `${'a'.repeat(1 << 20)}b\n` })
  const search = open()
  t.equal((await ask(search, { q: '(a+)+$', regex: true, path: root, timeout: 5 })).total_matches, 0)
  for (const q of ['(\\w{1000}){1000}', '(', '(?=a)', '(a)\\1', 'a**b(']) {
    await t.rejects(ask(search, { q, regex: true, path: root }), { code: 'bad_request' }, q)
  }
  await t.rejects(ask(search, { q: 'a\nb', path: root }), { code: 'bad_request', message: /line break/ })
  await t.rejects(ask(search, { q: 'a\0b', path: root }), { code: 'bad_request', message: /NUL/ })
})

t.test('S-03 hostile globs end soon or are refused', async (t) => {
  const root = t.testdir({ ['a'.repeat(200)]: 'needle' })
  const search = open()
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
})

t.test('S-05 the cap and the deadline stop the search', async (t) => {
  const root = t.testdir(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 'a\n'.repeat(5000)])))
  const answer = await ask(open(), { q: '.', regex: true, path: root, max_results: 1000 })
  t.match(answer, { total_matches: 1000, capped: true })
  t.equal(answer.matches.length, 1000)
  const slow = standIn(t, 'sleep 600 & exec sleep 600')
  t.match(await ask(open(slow), { q: 'x', path: root, timeout: 0.1 }), {
    total_matches: 0,
    capped: true,
    timed_out: true,
  })
  t.equal(children.size, 0)
})

t.test('S-06 the caller leaves, 100 times', async (t) => {
  const root = t.testdir({ a: 'x' })
  const slow = standIn(t, `exec sleep 600.${process.pid}`)
  const search = open(slow)
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
  const search = open()
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
    const { results, warnings, capped } = await ask(open(nobody), { q: 'needle', path: outside })
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
  t.equal((await ask(open(), { q: 'processor', path: '/', ignore_patterns })).total_matches, 0)
  t.ok((await ask(open(), { q: 'processor', path: '/proc/cpuinfo' })).total_matches > 0, 'one named is searched')
})

t.test('where ripgrep does not run, a search says why', async (t) => {
  const root = t.testdir({ a: 'needle', broken: 'no program', other: '#!/bin/sh\necho grep 1.0\n' })
  const broken = join(root, 'broken')
  const other = join(root, 'other')
  chmodSync(other, 0o755)
  t.strictSame(await open().status(), {
    installed: true,
    path: ripgrepPath(),
    version: 'ripgrep 15.0.0',
    engine: 'ripgrep',
  })
  for (const binary of [undefined, broken, other, '/nowhere/rg']) {
    const search = openContentSearch({ children, walkers, ripgrep: binary, environment: { PATH } })
    const status = await search.status()
    t.match(status, { installed: false, message: /^content search is unavailable: .{10}/ }, String(binary))
    t.notOk('engine' in status)
    await t.rejects(ask(search, { q: 'needle', path: root }), { code: 'unavailable', message: status.message ?? '' })
  }
  // What could not run once may run later: the next search finds out again.
  const late = openContentSearch({ children, walkers, ripgrep: broken, environment: { PATH } })
  await t.rejects(ask(late, { q: 'needle', path: root }), { code: 'unavailable' })
  writeFileSync(broken, `#!/bin/sh\nexec ${ripgrepPath()} "$@"\n`, { mode: 0o755 })
  chmodSync(broken, 0o755)
  t.match(await ask(late, { q: 'needle', path: root }), { total_matches: 1 })
})

t.test('a ripgrep that fails', async (t) => {
  const root = t.testdir({ a: 'needle' })
  const fails = (script: string) => ask(open(standIn(t, script)), { q: 'needle', path: root })
  await t.rejects(fails('kill -SEGV $$'), { code: 'internal_error', message: /SIGSEGV/ })
  await t.rejects(fails('echo "rg: regex parse error" >&2; exit 2'), {
    code: 'bad_request',
    message: /regex parse error/,
  })
  await t.rejects(fails('exit 7'), { code: 'internal_error', message: /exit code 7/ })
})

t.test('at most 16 searches run at a time', async (t) => {
  const root = t.testdir({ a: 'x' })
  const search = open(standIn(t, 'exec sleep 600'))
  await search.status()
  const callers = Array.from({ length: 16 }, () => new AbortController())
  const running = callers.map(({ signal }) => ask(search, { q: 'x', path: root, timeout: 60 }, signal))
  await t.rejects(ask(search, { q: 'x', path: root }), { code: 'rate_limited', retryAfter: 1 })
  for (const caller of callers) caller.abort()
  t.ok((await Promise.allSettled(running)).every(({ status }) => status === 'rejected'))
  t.match(await ask(search, { q: 'x', path: root, timeout: 0.05 }), { timed_out: true }, 'free again')
})
