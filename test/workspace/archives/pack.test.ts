// Archives of the packers, held against GNU tar and node-tar: what goes in, under which names, what is left out,
// and that the worker follows its reader and ends with it.

import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { list } from 'tar'
import t, { type Test } from 'tap'
import { type ArchiveFormat, SLOT_BYTES, SLOTS } from '../../../src/threads/archive/pack-job.ts'
import { openPackers, type Packing, type Packers, type PackRequest } from '../../../src/workspace/archives/pack.ts'
import { until } from '../../support/until.ts'

const never = new AbortController().signal
const gnuTar = /GNU tar/.test(execFileSync('tar', ['--version'], { encoding: 'utf8' }))

let packers: Packers
t.before(() => {
  packers = openPackers()
})
t.teardown(() => packers[Symbol.asyncDispose]())

const request = (paths: readonly string[], more: Partial<PackRequest> = {}): PackRequest => ({
  paths,
  exclude_patterns: [],
  format: 'tar',
  ...more,
})

/** Everything, copied: a chunk is the reader's only until the next. */
async function whole(packing: Packing): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of packing) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

async function archive(paths: readonly string[], more: Partial<PackRequest> = {}): Promise<Buffer> {
  return await whole(await packers.pack(request(paths, more), never))
}

/** What a promise was rejected with. */
async function refused(work: Promise<unknown>): Promise<object> {
  return await work.then(
    () => ({ code: 'not refused' }),
    (reason: object) => reason,
  )
}

async function names(bytes: Buffer): Promise<string[]> {
  const found: string[] = []
  const parser = list({ strict: true, onReadEntry: (entry) => void found.push(entry.path) })
  const ended = new Promise((resolve, reject) => parser.on('end', resolve).on('error', reject))
  parser.end(bytes)
  await ended
  return found
}

function emptyDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'workspace-runtime-test-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

async function extracted(t: Test, bytes: Buffer, flags: readonly string[] = []): Promise<string> {
  const directory = emptyDirectory(t)
  const tar = spawn('tar', ['-x', ...flags, '-C', directory], { stdio: ['pipe', 'ignore', 'pipe'] })
  let said = ''
  tar.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => tar.on('close', resolve))
  tar.stdin.end(bytes)
  t.equal(await ended, 0, `tar takes it: ${said}`)
  return directory
}

/** Path (as latin1, so that bytes show), kind, mode, time, content or target of all below, directories included. */
function tree(root: string, at = Buffer.from(root)): string[] {
  return readdirSync(at, { encoding: 'buffer' }).flatMap((name) => {
    const path = Buffer.concat([at, Buffer.from('/'), name])
    const stats = lstatSync(path, { bigint: true })
    const shown = path.toString('latin1').slice(root.length)
    const mode = (stats.mode & 0o7777n).toString(8)
    if (stats.isDirectory()) return [`${shown}/ ${mode} ${stats.mtimeNs}`, ...tree(root, path)]
    if (stats.isSymbolicLink()) return [`${shown} -> ${readlinkSync(path, 'latin1')}`]
    const twins = `${stats.nlink}`
    return [`${shown} ${mode} ${stats.mtimeNs} ${twins} ${readFileSync(path).toString('base64').slice(0, 200)}`]
  })
}

function manyThings(root: string): void {
  mkdirSync(join(root, 'app/src/deep'), { recursive: true })
  writeFileSync(join(root, 'app/empty'), '')
  writeFileSync(join(root, 'app/src/main.js'), 'one\n')
  for (const size of [511, 512, 513, 128 * 1024, 256 * 1024 + 1, 1_000_000]) {
    writeFileSync(join(root, `app/src/${size}.bin`), Buffer.alloc(size, size % 251))
  }
  chmodSync(join(root, 'app/src/main.js'), 0o4751)
  chmodSync(join(root, 'app/empty'), 0o400)
  utimesSync(join(root, 'app/empty'), 12, 1.25)
  writeFileSync(join(root, 'app/old'), 'before 1970')
  utimesSync(join(root, 'app/old'), 12, -1.5)
  symlinkSync('../src/main.js', join(root, 'app/src/link'))
  symlinkSync('/nowhere/at/all', join(root, 'app/dangling'))
  symlinkSync(`${'l/'.repeat(80)}long`, join(root, 'app/long-link'))
  linkSync(join(root, 'app/src/main.js'), join(root, 'app/src/twin'))
  writeFileSync(join(root, 'app/über α.txt'), 'names of letters')
  writeFileSync(join(root, 'app/line\nbreak "quote"'), 'x')
  writeFileSync(join(root, 'app/grün\nzeile'), 'y')
  for (const length of [98, 99, 100, 101, 155, 200, 255]) writeFileSync(join(root, `app/${'n'.repeat(length)}`), 'z')
  const far = join(root, 'app', 'd'.repeat(120), 'e'.repeat(120))
  mkdirSync(far, { recursive: true })
  writeFileSync(join(far, 'f'.repeat(90)), 'far')
  writeFileSync(join(far, 'g'.repeat(190)), 'farther')
  chmodSync(far, 0o1750)
  utimesSync(far, 3, 4)
}

t.test(
  'GNU tar restores names, bytes, modes, times and links',
  { skip: !gnuTar && 'tar here is not GNU' },
  async (t) => {
    const root = t.testdir({})
    manyThings(root)
    const formats: readonly [ArchiveFormat, readonly string[]][] = [
      ['tar', []],
      ['tar.gz', ['-z']],
      ['tar.zst', ['--zstd']],
    ]
    for (const [format, flags] of formats) {
      const bytes = await archive([join(root, 'app')], { format })
      const directory = await extracted(t, bytes, ['-p', '--delay-directory-restore', ...flags])
      t.strictSame(tree(directory), tree(root), format)
    }
  },
)

t.test('F-16 names that are not UTF-8 keep their bytes', { skip: !gnuTar && 'tar here is not GNU' }, async (t) => {
  const root = t.testdir({ app: {} })
  const raw = (...bytes: number[]) => Buffer.concat([Buffer.from(`${root}/app/`), Buffer.from(bytes)])
  writeFileSync(raw(0xff), 'ff')
  writeFileSync(raw(0xfe), 'fe')
  symlinkSync(Buffer.from([0xfd]), raw(0x61))
  mkdirSync(raw(0xc3))
  writeFileSync(raw(0xc3, 0x2f, ...Buffer.alloc(150, 0xe4)), 'long')
  const directory = await extracted(t, await archive([join(root, 'app')]), ['-p', '--delay-directory-restore'])
  t.strictSame(tree(directory).sort(), tree(root).sort())
})

t.test('members are named from the base name of each path on', async (t) => {
  const root = t.testdir({ one: { a: 'a' }, two: { b: { c: 'c' } }, 'x,y.txt': 'z' })
  const bytes = await archive([join(root, 'one'), join(root, 'two/b'), join(root, 'x,y.txt')])
  t.strictSame(await names(bytes), ['one/', 'one/a', 'b/', 'b/c', 'x,y.txt'])
})

t.test('a requested link is a link', async (t) => {
  const root = t.testdir({ real: { a: 'a' }, link: t.fixture('symlink', 'real') })
  t.strictSame(await names(await archive([join(root, 'link')])), ['link'])
})

t.test('excludes: names, globs, paths below the root; what is named itself is taken', async (t) => {
  const root = t.testdir({
    app: {
      node_modules: { p: { 'index.js': '' } },
      '.git': { HEAD: '' },
      src: { gen: { 'a.js': '' }, 'b.log': '', 'c.js': '', node_modules: { q: '' } },
      gen: { 'd.js': '' },
      'e.tmp': '',
    },
  })
  const exclude_patterns = ['node_modules', '.git', '*.{log,tmp}', 'src/gen']
  const taken = await names(await archive([join(root, 'app')], { exclude_patterns }))
  t.strictSame(taken.sort(), ['app/', 'app/gen/', 'app/gen/d.js', 'app/src/', 'app/src/c.js'])
  const named = await names(await archive([join(root, 'app/node_modules')], { exclude_patterns }))
  t.strictSame(named, ['node_modules/', 'node_modules/p/', 'node_modules/p/index.js'])
  t.match(await refused(packers.pack(request([root], { exclude_patterns: ['[a'] }), never)), {
    code: 'bad_request',
    message: /exclude_patterns/,
  })
})

t.test('refusals come before the first byte', async (t) => {
  const root = t.testdir({ a: { x: '' }, b: { x: '' } })
  execFileSync('mkfifo', [join(root, 'fifo')])
  const cases: readonly [readonly string[], object][] = [
    [[join(root, 'a'), join(root, 'nowhere')], { code: 'not_found', message: /nowhere/ }],
    [[join(root, 'a/x'), join(root, 'b/x')], { code: 'bad_request', message: /"x" in the archive/ }],
    [[join(root, 'fifo')], { code: 'not_regular', message: /a fifo/ }],
    [['/dev/null'], { code: 'not_regular' }],
    [['/proc/self/status'], { code: 'bad_request', message: /pseudo file system/ }],
    [[join(root, 'a/x/y')], { code: 'bad_request' }],
  ]
  for (const [paths, expected] of cases) t.match(await refused(packers.pack(request(paths), never)), expected)
  t.equal(packers.running, 0)
})

t.test('T-06 what cannot be taken along is left out and told', async (t) => {
  const root = emptyDirectory(t) // a socket's path has 107 bytes at most
  mkdirSync(join(root, 'app'))
  writeFileSync(join(root, 'app/file'), 'x')
  execFileSync('mkfifo', [join(root, 'app/fifo')])
  const server = createServer().listen(join(root, 'app/socket'))
  t.teardown(() => server.close())
  await until('the socket is there', () => readdirSync(join(root, 'app')).includes('socket'))
  const packing = await packers.pack(request([join(root, 'app')]), never)
  const bytes = await whole(packing)
  t.strictSame(await names(bytes), ['app/', 'app/file'])
  t.match(packing.remarks, { skipped: { fifo: 1, socket: 1 }, unlinked: 0 })
  t.strictSame(packing.remarks.first.map(([, path]) => path.slice(root.length)).sort(), ['/app/fifo', '/app/socket'])
})

t.test('T-06 a file that grows keeps the size it had; one that shrinks ends the archive', async (t) => {
  const size = 4 * 1024 * 1024
  const root = t.testdir({ app: {} })
  const file = join(root, 'app/file')
  writeFileSync(file, Buffer.alloc(size, 1))
  const growing = await packers.pack(request([file]), never)
  const first = await growing[Symbol.asyncIterator]().next()
  const kept = Buffer.from(first.value as Uint8Array)
  writeFileSync(file, Buffer.alloc(1024 * 1024, 2), { flag: 'a' })
  const rest = await whole(growing)
  t.equal(kept.length + rest.length, 512 + size + 1024 + 1024, 'header, content, PAX header of the time, end')
  t.notOk(rest.includes(2), 'nothing of what was appended')

  const shrinking = await packers.pack(request([file]), never)
  await shrinking[Symbol.asyncIterator]().next()
  truncateSync(file, 100_000)
  t.match(await refused(whole(shrinking)), { code: 'conflict', message: /became shorter/ })
  await until('the worker is gone', () => packers.running === 0)
})

t.test('T-07 the worker waits for its reader, and ends with it', async (t) => {
  const root = t.testdir({ app: {} })
  const file = join(root, 'app/file')
  writeFileSync(file, '')
  truncateSync(file, 64 * 1024 ** 3)
  for (const format of ['tar', 'tar.gz', 'tar.zst'] as const) {
    const packing = await packers.pack(request([file], { format }), never)
    const source = packing[Symbol.asyncIterator]()
    await source.next()
    t.equal(packers.running, 1)
    await source.return?.()
    t.equal(packers.running, 0, format)
  }
  const unread = await packers.pack(request([file]), never)
  await unread[Symbol.asyncIterator]().return?.()
  t.equal(packers.running, 0, 'also when nothing was read')
})

t.test('a thread that does not start gives its place back, and closes what was opened for it', async (t) => {
  const root = t.testdir({ app: { file: 'x' } })
  await using small = openPackers({ limit: 1, waiting: 1, waitMs: 1 })
  const uncloneable = { format: (() => undefined) as never } // the start of a thread that the system refuses fails alike
  const before = readdirSync('/proc/self/fd').length
  for (let i = 0; i < 3; i++) {
    await t.rejects(small.pack(request([join(root, 'app')], uncloneable), never), { name: 'DataCloneError' })
  }
  t.equal(readdirSync('/proc/self/fd').length, before)
  t.ok((await whole(await small.pack(request([join(root, 'app')]), never))).length > 0)
})

t.test('four at a time; others wait in line, or are told when to come again', async (t) => {
  const root = t.testdir({ app: { file: 'x' } })
  await using small = openPackers({ limit: 1, waiting: 1, waitMs: 2000 })
  writeFileSync(join(root, 'large'), '')
  truncateSync(join(root, 'large'), 2 * SLOTS * SLOT_BYTES)
  const first = await small.pack(request([join(root, 'large')]), never) // too large to be ready before it is read
  const others = [1, 2].map(() => refused(small.pack(request([join(root, 'app')]), never)))
  for (const refusal of await Promise.all(others)) {
    t.match(
      refusal,
      { code: 'unavailable', retryAfter: 10, message: /1 archives being made/ },
      'at once, or after its wait',
    )
  }
  const third = small.pack(request([join(root, 'app')]), never)
  t.ok((await whole(first)).length > 0)
  t.ok((await whole(await third)).length > 0, 'the next in line has its place')
})
