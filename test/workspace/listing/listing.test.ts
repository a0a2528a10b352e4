// Listings of real trees: every field and filter of protocol.md#files, and the rows about directories.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ENTRY_CAP, listFiles, listJob, streamFiles, type ListRequest } from '../../../src/workspace/listing/listing.ts'
import { openWalkers } from '../../../src/workspace/listing/walkers.ts'
import { linesOf, listRequest, parsed, type Listed } from '../../support/listings.ts'
import { ground } from '../../support/mounting.ts'
import { asNobody, openToAll } from '../../support/unprivileged.ts'

const walkers = openWalkers({ home: { home: undefined, configHome: undefined } })
t.teardown(() => walkers[Symbol.asyncDispose]())
const never = new AbortController().signal

async function list(more: Partial<ListRequest> & { path: string }) {
  const reply = await listFiles(walkers, listRequest(more), never)
  return { ...reply, entries: parsed(reply.entries) }
}

const stream = async (more: Partial<ListRequest> & { path: string }) =>
  linesOf(await streamFiles(walkers, listRequest(more), never))

const names = (entries: readonly Listed[]) => entries.map(({ name }) => name)
const below = (root: string, entries: readonly Listed[]) => entries.map(({ path }) => path.slice(root.length + 1))

t.test('direct children, sorted, with size and time', async (t) => {
  const path = t.testdir({ b: { c: '' }, 'a.txt': 'hello', '.hidden': '', link: t.fixture('symlink', 'a.txt') })
  utimesSync(join(path, 'a.txt'), 1e9, 1e9)
  const reply = await list({ path, nested: false })
  t.equal(reply.path, path)
  t.equal(reply.count, 4)
  t.strictSame(names(reply.entries), ['.hidden', 'a.txt', 'b', 'link'])
  const file = { name: 'a.txt', path: join(path, 'a.txt'), type: 'file', size: 5, modified: '2001-09-09T01:46:40.000Z' }
  t.strictSame(reply.entries[1], file)
  t.match(reply.entries[2], { type: 'directory' })
  t.match(reply.entries[3], { type: 'symlink', size: 0 })
  t.notOk('depth_limited' in reply)
})

t.test('light, extensions, escapes', async (t) => {
  const path = t.testdir({ 'a"\\\n.TXT': '', noext: '', '.rc': '' })
  const { entries } = await list({ path, light: true, include_extensions: true })
  const odd = { name: 'a"\\\n.TXT', path: join(path, 'a"\\\n.TXT'), type: 'file', extension: '.TXT' }
  t.strictSame(entries, [
    { name: '.rc', path: join(path, '.rc'), type: 'file' },
    odd,
    { name: 'noext', path: join(path, 'noext'), type: 'file' },
  ])
})

t.test('tree: children, count of all, directories kept under filters', async (t) => {
  const path = t.testdir({ a: { b: { 'x.ts': '', 'y.md': '' }, empty: {} }, 'z.ts': '' })
  const tree = await list({ path, flatten: false, light: true })
  t.equal(tree.count, 6)
  t.strictSame(names(tree.entries), ['a', 'z.ts'])
  t.strictSame(names(tree.entries[0]?.children ?? []), ['b', 'empty'])
  t.strictSame(tree.entries[0]?.children?.[1]?.children, [])
  const filtered = await list({ path, flatten: false, light: true, include_ext: ['ts'] })
  t.equal(filtered.count, 5)
  t.strictSame(names(filtered.entries[0]?.children?.[0]?.children ?? []), ['x.ts'])
  const flat = await list({ path, include_ext: ['.TS'] })
  t.strictSame(below(path, flat.entries), ['z.ts', 'a/b/x.ts'])
  t.strictSame(names((await list({ path, path_filter: 'A/B' })).entries), ['b', 'x.ts', 'y.md'])
  t.strictSame(names((await list({ path, code_files_only: true })).entries), ['z.ts', 'x.ts'])
})

t.test('max_depth: 1 = direct children; what is not entered is announced', async (t) => {
  const path = t.testdir({ a: { b: { c: '' } } })
  t.strictSame(names((await list({ path, max_depth: 1 })).entries), ['a'])
  const two = await list({ path, max_depth: 2 })
  t.strictSame(names(two.entries), ['a', 'b'])
  t.equal(two.depth_limited, true)
  t.notOk('depth_limited' in (await list({ path, max_depth: 3 })))
})

t.test('ignore rules with and without a repository', async (t) => {
  const path = t.testdir({
    '.gitignore': '*.log\n/top\n',
    'a.log': '',
    top: '',
    '.dotfile': '',
    sub: { '.gitignore': '!keep.log\n', 'keep.log': '', 'b.log': '', top: '' },
  })
  const shown = ['.dotfile', '.gitignore', 'sub', 'sub/.gitignore', 'sub/keep.log', 'sub/top']
  t.strictSame(below(path, (await list({ path })).entries), shown)
  t.equal((await list({ path, use_gitignore: false })).count, 9)
  t.equal((await list({ path, no_gitignore: true })).count, 9)
  t.equal((await list({ path, use_gitignore: false, no_gitignore: false })).count, 9)
  t.strictSame(
    names((await list({ path, ignore_patterns: ['*.{log,x}', 'sub/top', '.git*'], no_gitignore: true })).entries),
    ['.dotfile', 'sub', 'top'],
  )
})

t.test("parents' rules up to the repository root, exclude file, nested repository", async (t) => {
  const path = t.testdir({
    '.gitignore': 'outer\n',
    repo: {
      '.git': { info: { exclude: 'excluded\n' } },
      '.gitignore': 'mine\n/deep/anchored\n',
      deep: { outer: '', mine: '', excluded: '', anchored: '', plain: '' },
      inner: { '.git': { info: {} }, mine: '', plain: '' },
    },
  })
  t.strictSame(names((await list({ path: join(path, 'repo/deep') })).entries), ['outer', 'plain'])
  t.strictSame(names((await list({ path: join(path, 'repo/inner') })).entries), ['mine', 'plain'])
  const fromAbove = below(path, (await list({ path, include_ext: [] })).entries)
  t.ok(fromAbove.includes('repo/deep/outer'), 'the rules outside a repository end at its root')
  t.notOk(fromAbove.some((entry) => entry.includes('.git/') || entry.endsWith('/.git')))
  symlinkSync('repo/deep', join(path, 'way-in'))
  t.strictSame(
    names((await list({ path: join(path, 'way-in') })).entries),
    ['outer', 'plain'],
    'the real parents count',
  )
})

t.test("the user's own excludes, and a worktree's", async (t) => {
  const path = t.testdir({
    home: {
      '.gitconfig': '[core]\n\texcludesfile = ~/mine\n',
      mine: 'global\n',
      '.config': { git: { ignore: 'default\n' } },
    },
    main: { '.git': { worktrees: { w: { commondir: '../..\n' } }, info: { exclude: 'common\n' } } },
    tree: { global: '', default: '', common: '', plain: '' },
  })
  writeFileSync(join(path, 'tree/.git'), `gitdir: ${join(path, 'main/.git/worktrees/w')}\n`)
  await using own = openWalkers({ home: { home: join(path, 'home'), configHome: undefined } })
  const reply = await listFiles(own, listRequest({ path: join(path, 'tree') }), never)
  t.strictSame(names(parsed(reply.entries)), ['default', 'plain'])
  await using plain = openWalkers({ home: { home: undefined, configHome: join(path, 'home/.config') } })
  const second = await listFiles(plain, listRequest({ path: join(path, 'tree') }), never)
  t.strictSame(names(parsed(second.entries)), ['global', 'plain'])
})

t.test('content and hash; what is skipped says why', async (t) => {
  const path = t.testdir({
    'a.txt': 'tëxt "q"\n',
    'b.bin': Buffer.from([1, 0, 2]),
    'c.txt': 'x'.repeat(100),
    'e.txt': '',
  })
  writeFileSync(join(path, 'd.txt'), Buffer.from([0x61, 0xff]))
  const { entries } = await list({
    path,
    include_content: true,
    include_hash: true,
    max_content_budget: 50,
    light: true,
  })
  const [text, binary, large, lossy, empty] = entries
  t.match(text, { content: 'tëxt "q"\n', hash: createHash('sha256').update('tëxt "q"\n').digest('hex') })
  t.match(binary, { content_skipped: 'binary', hash: /^[0-9a-f]{64}$/ })
  t.match(large, { content_skipped: 'budget' })
  t.match(lossy, { content: 'a\uFFFD', lossy: true })
  t.match(empty, { content: '' })
  t.notOk('lossy' in (text ?? {}))
  writeFileSync(join(path, 'big.txt'), 'y'.repeat(10 * 1024 * 1024 + 1))
  const all = await list({ path, include_content: true, light: true, path_filter: 'big' })
  t.match(all.entries[0], { content_skipped: 'oversize' })
})

t.test('F-01 a FIFO, a socket and a device are listed and never opened', async (t) => {
  // Not a testdir: its path is too long for a socket.
  const path = mkdtempSync(join(tmpdir(), 'listing-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  t.equal(spawnSync('mkfifo', [join(path, 'fifo')]).status, 0)
  const server = createServer().listen(join(path, 'socket'))
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => server.close())
  const { entries } = await list({ path, include_content: true, include_hash: true })
  t.match(entries, [
    { name: 'fifo', type: 'file', special: 'fifo' },
    { name: 'socket', type: 'file', special: 'socket' },
  ])
  t.notOk(entries.some((entry) => 'content' in entry || 'hash' in entry))
  writeFileSync(join(path, 'plain'), '')
  t.equal(spawnSync('mkfifo', [join(path, '.gitignore')]).status, 0)
  const reply = await list({ path })
  t.match(reply, { count: 4, errors: 1, unreadable: [join(path, '.gitignore')] })
  const dev = await list({ path: '/dev', nested: false, include_content: true })
  t.ok(dev.entries.some(({ special }) => special === 'character_device'))
})

t.test('F-19 links are never followed, loops and deep trees end', async (t) => {
  const path = t.testdir({ a: { loop: t.fixture('symlink', '..') }, self: t.fixture('symlink', 'self') })
  t.strictSame(below(path, (await list({ path })).entries), ['a', 'self', 'a/loop'])
  let at = join(path, 'deep')
  for (let i = 0; i < 1200; i++) at += '/d'
  mkdirSync(at, { recursive: true })
  const deep = await list({ path: join(path, 'deep'), flatten: false, light: true, max_depth: 1000 })
  t.equal(deep.count, 1000)
  t.equal(deep.depth_limited, true)
  t.equal((await stream({ path: join(path, 'deep'), light: true, max_depth: 1000 })).length, 1000)
})

t.test('F-18 a very large directory is read in pieces, with its rules', async (t) => {
  // 6,000 names of 200 bytes make a directory file of more than 1 MiB on ext4; elsewhere it is read at once.
  const path = t.testdir({ '.gitignore': '*9\n', '.git': {} })
  for (let i = 0; i < 6000; i++) writeFileSync(join(path, `${'n'.repeat(200)}-${i}`), '')
  const lines = await stream({ path, light: true })
  t.equal(lines.length, 5400 + 1)
  const sorted = names((await list({ path, light: true })).entries)
  t.strictSame(
    sorted,
    names(lines).sort((a, b) => (a < b ? -1 : 1)),
  )
})

t.test('F-16 names that are not UTF-8 keep their bytes', async (t) => {
  const path = t.testdir({})
  for (const byte of [0xfe, 0xff]) {
    const directory = Buffer.concat([Buffer.from(`${path}/`), Buffer.from([byte])])
    mkdirSync(directory)
    writeFileSync(Buffer.concat([directory, Buffer.from('/f')]), String(byte))
  }
  writeFileSync(join(path, 'real\uFFFD'), '')
  const { entries, count } = await list({ path, include_content: true })
  t.equal(count, 5)
  const bytes = entries.filter(({ lossy_name: lossy }) => lossy === true).map(({ name_base64: name }) => name)
  t.strictSame(new Set(bytes), new Set(['/g==', '/w==']))
  const contents = entries.filter(({ name }) => name === 'f').map(({ content }) => content)
  t.strictSame(new Set(contents), new Set(['254', '255']), 'both are entered by their bytes')
})

t.test('places that cannot be read are counted and named', async (t) => {
  const path = openToAll(ground(t).dir)
  mkdirSync(join(path, 'locked'))
  writeFileSync(join(path, 'open'), '')
  chmodSync(join(path, 'locked'), 0)
  const reply = await asNobody(() => list({ path }))
  t.match(reply, { count: 2, errors: 1, unreadable: [join(path, 'locked')] })
})

t.test('from above, /proc, /sys and /dev are named and not entered', async (t) => {
  const { entries } = await list({ path: '/', light: true, max_depth: 2, flatten: false })
  t.ok(names(entries).includes('proc'))
  for (const entry of entries) if (['proc', 'sys', 'dev'].includes(entry.name)) t.notOk('children' in entry, entry.name)
  t.ok(
    (await list({ path: '/proc/self', light: true, nested: false })).count > 10,
    'asked for directly they are listed',
  )
})

t.test('missing path, file, and patterns that are too much', async (t) => {
  const path = t.testdir({ a: '' })
  await t.rejects(list({ path: join(path, 'no') }), { code: 'not_found' })
  await t.rejects(list({ path: join(path, 'a') }), { code: 'bad_request' })
  await t.rejects(list({ path, ignore_patterns: ['{a,b}'.repeat(40)] }), { code: 'bad_request' })
  await t.rejects(streamFiles(walkers, listRequest({ path: join(path, 'no') }), never), { code: 'not_found' })
})

t.test('the cap stops a listing of any form, and says so', async (t) => {
  t.equal(ENTRY_CAP, 50_000)
  const path = t.testdir({ many: {}, z: '' })
  for (let i = 0; i < 150; i++) writeFileSync(join(path, 'many', `f${i}`), '')
  const job = listJob(listRequest({ path, light: true }), 'flat', walkers)
  for (const shape of ['flat', 'tree', 'lines'] as const) {
    const { chunks, summary } = await walkers.gather({ ...job, shape, cap: 100 }, never)
    t.match(summary, { count: 100, truncated: true })
    const text = Buffer.concat(chunks).toString()
    const entries = shape === 'lines' ? text.trim().split('\n') : (JSON.parse(`[${text}]`) as Listed[])
    t.equal(entries.length, shape === 'tree' ? 1 : 100)
    if (shape === 'tree') t.equal((entries[0] as Listed).children?.length, 99)
  }
  t.equal(listJob(listRequest({ path }), 'lines', walkers).cap, Infinity, 'a stream has none')
})

t.test('a stream begins with start and ends with done; no entry has a key event', async (t) => {
  const path = t.testdir({ a: { b: '' } })
  const events: object[] = []
  for await (const frame of await streamFiles(walkers, listRequest({ path }), never))
    if ('event' in frame) events.push(frame)
  t.strictSame(events, [
    { event: 'start', data: { path } },
    { event: 'done', data: { count: 2 } },
  ])
  t.notOk((await stream({ path })).some((entry) => 'event' in entry))
})
