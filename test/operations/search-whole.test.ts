// A search of contents tells all there is or says what is missing, and mixes nothing up: stray NUL bytes, names
// that are not UTF-8, line ends of Windows, long lines, time that runs out, repositories inside and outside.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { NO_OTHER_USER, startAsNobody } from '../support/unprivileged-daemon.ts'

t.setTimeout(120_000)

const shared = startDaemon(t)

function scratch(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'search-whole-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

async function search(daemon: Daemon, asked: Record<string, string | number | boolean>) {
  const fields = Object.entries(asked).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return await daemon.call('GET', `/files/search?${fields.join('&')}`)
}

const numbers = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join('')

t.test('a stray NUL byte late in a file hides none of its lines', async (t) => {
  const daemon = await shared
  const root = scratch(t)
  put(join(root, 'app.log'), `needle 1\n${numbers}\0\nneedle 2\n`)
  put(join(root, 'behind.log'), `${numbers}\0 needle\nneedle 3\n`)
  put(join(root, 'binary.bin'), `needle\n\0\nneedle\n`)
  for (const more of [{}, { file_types: 'log,bin' }, { include_hidden: true, no_gitignore: true }]) {
    const { body } = await search(daemon, { q: 'needle', path: root, ...more })
    t.strictSame(
      Object.entries(body.results).map(([name, matches]) => [
        name,
        (matches as { line: number }[]).map(({ line }) => line),
      ]),
      [
        ['app.log', [1, 20_003]],
        ['behind.log', [20_001, 20_002]],
      ],
      JSON.stringify(more),
    )
    t.match(body, { capped: false, warnings: [/^app\.log: has a NUL byte at offset 108903/, /^behind\.log: /] })
  }
  const alone = await search(daemon, { q: 'needle', path: join(root, 'app.log') })
  t.match(alone.body.results['app.log'], [{ line: 1 }, { line: 20_003 }])
  t.match((await search(daemon, { q: 'needle', path: join(root, 'binary.bin') })).body.results, {
    'binary.bin': [{ line: 1 }, { line: 3 }],
  })
  t.match((await search(daemon, { q: 'needle 3', path: root, max_results: 1 })).body, {
    total_matches: 1,
    capped: false,
  })
})

t.test('warnings come in the order of the files, whichever was searched first', async (t) => {
  const daemon = await shared
  const root = scratch(t)
  const names = Array.from({ length: 16 }, (_, i) => `${String.fromCodePoint(97 + i)}.log`)
  // The first files are the longest, so that another thread has left its file earlier.
  const text = (i: number) => numbers.repeat(i < 2 ? 40 : 1)
  for (const [i, name] of names.entries()) put(join(root, name), `needle\n${text(i)}\0\nneedle\n`)
  for (const more of [{}, { file_types: 'log' }]) {
    const { body } = await search(daemon, { q: 'needle', path: root, ...more })
    const named = (body.warnings as string[]).map((warning) => warning.split(':')[0])
    t.strictSame(named, names, JSON.stringify(more))
  }
})

t.test("files whose names decode to one text are told apart, without each other's lines", async (t) => {
  const daemon = await shared
  const root = scratch(t)
  const named = (byte: number) => Buffer.concat([Buffer.from(`${root}/n`), Buffer.of(byte), Buffer.from('.c')])
  writeFileSync(named(0xe4), 'A1\nA2\nneedle\n')
  writeFileSync(named(0xf6), 'B1\nB2\nneedle\n')
  put(join(root, 'n\uFFFD.c'), 'C1\nC2\nneedle\n')
  for (const more of [{}, { file_types: 'c' }]) {
    const { body } = await search(daemon, { q: 'needle', path: root, context_lines: 2, ...more })
    t.equal(body.total_files, 3)
    const before = Object.fromEntries(
      Object.entries(body.results).map(([name, matches]) => [
        name,
        (matches as { before: string[] }[]).map((one) => one.before),
      ]),
    )
    t.strictSame(before, { 'n\uFFFD.c': [['C1', 'C2']], 'n\\xE4.c': [['A1', 'A2']], 'n\\xF6.c': [['B1', 'B2']] })
    const bytes = (body.matches as { path_base64?: string }[]).map((match) => match.path_base64)
    const expected = [named(0xe4).toString('base64'), named(0xf6).toString('base64')]
    t.equal(bytes.length, 3)
    t.strictSame(new Set(bytes), new Set([...expected, undefined]))
  }
})

t.test('"$" stands before the line end, whichever it is', async (t) => {
  const daemon = await shared
  const root = scratch(t)
  put(join(root, 'a.js'), 'one;\r\ntwo;\r\n\r\n')
  put(join(root, 'b.js'), 'one;\ntwo;\n\n')
  for (const [q, count] of [
    [';$', 4],
    ['^two;$', 2],
    ['^$', 2],
    ['two;\\s*$', 2],
  ] as const) {
    t.equal((await search(daemon, { q, regex: true, path: root })).body.total_matches, count, q)
  }
  t.match((await search(daemon, { q: 'two;', path: root, whole_word: false })).body.matches, [
    { text: 'two;' },
    { text: 'two;' },
  ])
})

t.test('a match far behind in a long line is shown', async (t) => {
  const daemon = await shared
  const root = scratch(t)
  put(join(root, 'bundle.js'), `${'x'.repeat(60_000)}needle${'y'.repeat(60_000)}\n`)
  const { body } = await search(daemon, { q: 'needle', path: root })
  t.match(body.matches, [{ column: 60_001, truncated: true, text: /needle/ }])
  const [{ column, text, text_column }] = body.matches
  t.equal(text.slice(column - text_column, column - text_column + 6), 'needle')
})

t.test('a search that runs out of time answers what it has', async (t) => {
  const daemon = await shared
  const { status, body } = await search(daemon, { q: 'x', path: '/', timeout: 0.001, no_gitignore: true })
  t.equal(status, 200)
  t.match(body, { timed_out: true, capped: true })
})

t.test('what is wrong with a pattern is said without advice that no caller can take', async (t) => {
  const daemon = await shared
  for (const q of ['(?=a)', '(a)\\1', 'a\\nb', '(']) {
    const { status, body } = await search(daemon, { q, regex: true, path: scratch(t) })
    t.equal(status, 400, q)
    t.notMatch(body.error, /--|PCRE/, q)
    t.match(body.error, /^the search cannot be run as asked: .{20}/s, q)
  }
})

t.test('file types are extensions in any case', async (t) => {
  const daemon = await shared
  const root = scratch(t)
  for (const name of ['a.JS', 'b.js', 'c.jsx', 'js']) put(join(root, name), 'needle\n')
  for (const file_types of ['js', 'JS', '.Js']) {
    const { body } = await search(daemon, { q: 'needle', path: root, file_types })
    t.strictSame(Object.keys(body.results), ['a.JS', 'b.js'])
  }
})

t.test('patterns to leave out mean in a search what they mean in a listing', async (t) => {
  const daemon = await shared
  const root = scratch(t)
  const names = ['a.js', 'a.txt', 'b.js', '{a}', 'z-a']
  for (const name of names) put(join(root, name), 'needle\n')
  for (const pattern of ['[[:alpha:]].js', '[z-a].js', '*.{js,txt}', 'a.js ', '\\{a}', '***', '!a.js']) {
    const at = `path=${encodeURIComponent(root)}&ignore_patterns=${encodeURIComponent(JSON.stringify([pattern]))}`
    const listed = await daemon.call('GET', `/files?${at}`)
    const found = await daemon.call('GET', `/files/search?${at}&q=needle`)
    if (pattern.startsWith('!')) t.equal(found.status, 400)
    else
      t.strictSame(
        Object.keys(found.body.results),
        listed.body.entries.map(({ name }: { name: string }) => name),
        pattern,
      )
  }
})

t.test('more left out than ripgrep may tell of', async (t) => {
  const daemon = await shared
  const root = scratch(t)
  for (let i = 0; i < 4000; i++) put(join(root, `d${i % 7}/f${i}.o`), 'needle\n')
  put(join(root, '.gitignore'), '*.o\n')
  put(join(root, 'd3/kept.c'), 'needle\n')
  t.strictSame(Object.keys((await search(daemon, { q: 'needle', path: root })).body.results), ['d3/kept.c'])
})

t.test('rules beside repositories do not reach into them, and each has its own', async (t) => {
  const root = scratch(t)
  const home = join(root, 'home')
  mkdirSync(home)
  const daemon = await startDaemon(t, { env: { HOME: home, XDG_CONFIG_HOME: '' } })
  const tree = join(root, 'tree')
  const git = (...args: string[]) => execFileSync('git', args, { env: { ...process.env, HOME: home }, stdio: 'ignore' })
  put(join(tree, '.gitignore'), '*.log\n')
  put(join(tree, 'x.log'), 'needle\n')
  git('init', '-q', join(tree, 'inner'))
  put(join(tree, 'inner/x.log'), 'needle\n')
  put(join(tree, 'inner/.gitignore'), '*.tmp\n')
  put(join(tree, 'inner/x.tmp'), 'needle\n')
  put(join(tree, 'inner/shared'), '*.own\n')
  put(join(tree, 'inner/x.own'), 'needle\n')
  const answer = async () => Object.keys((await search(daemon, { q: 'needle', path: tree })).body.results)
  t.strictSame(await answer(), ['inner/x.log', 'inner/x.own'])
  git('-C', join(tree, 'inner'), 'config', 'core.excludesFile', 'shared')
  t.strictSame(await answer(), ['inner/x.log'])
  // In a repository: the configuration of one below.
  rmSync(join(tree, '.gitignore'))
  git('init', '-q', tree)
  t.strictSame(await answer(), ['inner/x.log', 'x.log'])
  t.strictSame((await daemon.call('GET', `/files/search/files?path=${tree}&q=x.`)).body.files, ['inner/x.log', 'x.log'])
})

t.test("a link among the files is no rule file; the user's own rules may be one", async (t) => {
  const root = scratch(t)
  const home = join(root, 'home')
  const tree = join(root, 'tree')
  const daemon = await startDaemon(t, { env: { HOME: home, XDG_CONFIG_HOME: '' } })
  put(join(home, 'dotfiles/ignore'), '*.own\n')
  put(join(home, 'dotfiles/config'), '[core] excludesFile = ~/my rules # mine\n')
  symlinkSync('dotfiles/config', join(home, '.gitconfig'))
  symlinkSync('dotfiles/ignore', join(home, 'my rules'))
  for (const name of ['x.log', 'x.own', 'x.c']) put(join(tree, name), 'needle\n')
  put(join(root, 'rules'), '*.log\n')
  symlinkSync('../rules', join(tree, '.gitignore'))
  t.strictSame(Object.keys((await search(daemon, { q: 'needle', path: tree })).body.results), ['x.c', 'x.log'])
  const listed = await daemon.call('GET', `/files?path=${tree}`)
  t.strictSame(
    listed.body.entries.map(({ name }: { name: string }) => name),
    ['.gitignore', 'x.c', 'x.log'],
  )
})

t.test('a closed directory is forbidden to every way of looking at it', { skip: NO_OTHER_USER ?? false }, async (t) => {
  const daemon = await startAsNobody(t)
  const root = scratch(t)
  execFileSync('chmod', ['755', root])
  mkdirSync(join(root, 'closed'), { mode: 0o700 })
  mkdirSync(join(root, 'listed'), { mode: 0o744 })
  mkdirSync(join(root, 'entered'), { mode: 0o711 })
  writeFileSync(join(root, 'file'), 'x', { mode: 0o600 })
  const at = (name: string) => encodeURIComponent(join(root, name))
  for (const [method, path] of [
    ['GET', `/files?path=${at('closed')}`],
    ['GET', `/files/stream?path=${at('closed')}`],
    ['GET', `/files/search?q=x&path=${at('closed')}`],
    ['GET', `/files/search?q=x&path=${at('closed')}&file_types=c`],
    ['GET', `/files/search?q=x&path=${at('listed')}`],
    ['GET', `/files/search?q=x&path=${at('entered')}`],
    ['GET', `/files/search?q=x&path=${at('file')}`],
    ['GET', `/files/search?q=x&path=${at('closed/deeper')}`],
    ['GET', `/files/search/files?q=x&path=${at('closed')}`],
  ] as const) {
    const { status, body } = await daemon.call(method, path)
    t.match({ status, code: body.code }, { status: 403, code: 'forbidden' }, path)
  }
  const watched = await daemon.call('POST', '/watchers', { path: join(root, 'closed') })
  t.match(watched, { status: 403, body: { code: 'forbidden' } })
})
