// Writing: replaced in one step, in place where that must be, and nothing lost on failure (protocol.md#files-write;
// F-01, F-08, F-10, F-12 to F-14, F-17).

import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { chmod, chown, link, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import t from 'tap'
import { openFileWriter } from '../../../../src/workspace/files/write/file-writer.ts'
import { desk } from '../../../support/desk.ts'
import { NO_ROOT } from '../../../support/mounting.ts'
import { refused } from '../../../support/refused.ts'

const MiB = 1024 * 1024

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8)

t.test('new files, old files, parents', async (t) => {
  const { dir, write } = await desk(t, true)
  const path = join(dir, 'a')
  t.same(await write(path, 'höl'), { size: 4, atomic: true })
  t.equal(readFileSync(path, 'utf8'), 'höl')
  t.same(await write(path, ''), { size: 0, atomic: true })
  await refused(t, write(join(dir, 'x/y/z'), 'deep'), 'not_found', /no parent directory .*create_dirs/)
  t.same(await write(join(dir, 'x/y/z'), 'deep', { createDirs: true }), { size: 4, atomic: true })
  await refused(t, write(join(dir, 'a/below'), ''), 'bad_request', /parent that is not a directory/)
  await refused(t, write(dir, ''), 'bad_request', /is a directory/)
  await refused(t, write('/', ''), 'bad_request', /is a directory/)
  t.same(readdirSync(dir).sort(), ['a', 'x'], 'nothing else is left')
})

t.test('appending', async (t) => {
  const { dir, write } = await desk(t, true)
  const path = join(dir, 'log')
  t.same(await write(path, 'one\n', { append: true }), { size: 4, atomic: false })
  t.equal(modeOf(path), '644')
  await chmod(path, 0o600)
  t.same(await write(path, 'two\n', { append: true }), { size: 8, atomic: false })
  t.equal(modeOf(path), '600')
  t.equal(readFileSync(path, 'utf8'), 'one\ntwo\n')
  const big = (letter: string) => Buffer.alloc(2 * MiB, letter)
  await Promise.all(['a', 'b', 'c', 'd'].map((letter) => write(path, big(letter), { append: true })))
  const runs = readFileSync(path, 'latin1')
    .slice(8)
    .replaceAll(/(.)\1*/g, '$1')
  t.same(runs.split('').sort(), ['a', 'b', 'c', 'd'], 'unmixed')
})

t.test('base64 is checked before anything is written', async (t) => {
  const { dir, write } = await desk(t)
  const path = join(dir, 'x')
  const bytes = randomBytes(3 * MiB + 1)
  const text = bytes.toString('base64')
  await write(path, Buffer.from(text), { encoding: 'base64' })
  t.ok(readFileSync(path).equals(bytes))
  await write(path, text, { encoding: 'base64' })
  t.ok(readFileSync(path).equals(bytes))
  for (const bad of [
    'a',
    'ab=',
    '====',
    'ab==cd==',
    'ab-_',
    'YQ==\n',
    'YR==',
    `${'A'.repeat(512 * 1024 - 4)}YQ==YQ==`,
  ]) {
    await refused(t, write(path, bad, { encoding: 'base64', append: true }), 'bad_request', /not base64/)
  }
  t.ok(readFileSync(path).equals(bytes))
  t.same(await write(path, '', { encoding: 'base64' }), { size: 0, atomic: true })
})

t.test('F-01 a FIFO, a socket or a device is never opened', async (t) => {
  const { dir, write } = await desk(t)
  const fifo = join(dir, 'fifo')
  execFileSync('mkfifo', [fifo])
  const refusals = Array.from({ length: 8 }, (_, i) =>
    refused(t, write(fifo, 'x', { append: i % 2 === 0 }), 'not_regular', /fifo/),
  )
  const writes = Array.from({ length: 200 }, (_, i) => write(join(dir, `f${i}`), 'x'))
  await Promise.all([...refusals, ...writes])
  await refused(t, write('/dev/null', 'x'), 'not_regular', /character device/)
  await symlink('/dev/null', join(dir, 'null'))
  await refused(t, write(join(dir, 'null'), 'x'), 'not_regular', /character device/)
  t.ok(lstatSync(fifo).isFIFO())
  t.ok(statSync('/dev/null').isCharacterDevice())
})

t.test('F-08 links are followed and stay', async (t) => {
  const { dir, write } = await desk(t)
  await mkdir(join(dir, 'sub'))
  await writeFile(join(dir, 'sub/target'), 'old')
  await symlink('sub/target', join(dir, 'relative'))
  await symlink(join(dir, 'relative'), join(dir, 'chain'))
  await symlink('sub', join(dir, 'dirlink'))
  await symlink('../fresh', join(dir, 'sub/dangling'))
  await symlink('nowhere/fresh', join(dir, 'farther'))
  await symlink('loop', join(dir, 'loop'))
  await write(join(dir, 'chain'), 'new')
  t.equal(readFileSync(join(dir, 'sub/target'), 'utf8'), 'new')
  t.ok(lstatSync(join(dir, 'relative')).isSymbolicLink())
  t.equal(readlinkSync(join(dir, 'chain')), join(dir, 'relative'))
  await write(join(dir, 'dirlink/dangling'), 'made')
  t.equal(readFileSync(join(dir, 'fresh'), 'utf8'), 'made', 'relative to where the link really is')
  t.ok(lstatSync(join(dir, 'sub/dangling')).isSymbolicLink())
  await refused(t, write(join(dir, 'farther'), 'x'), 'not_found', /nowhere/)
  await write(join(dir, 'farther'), 'x', { createDirs: true, append: true })
  t.equal(readFileSync(join(dir, 'nowhere/fresh'), 'utf8'), 'x')
  await refused(t, write(join(dir, 'loop'), 'x'), 'conflict', /loop/)
  await refused(t, write(join(dir, 'loop'), 'x', { createDirs: true, append: true }), 'conflict', /loop/)
})

t.test('F-10 permissions are kept, set-id bits are not', async (t) => {
  const { dir, write } = await desk(t)
  const path = join(dir, 'x')
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  await write(path, 'new')
  t.equal(modeOf(path), '644', 'whatever the umask')
  for (const [before, after] of [
    [0o666, '666'],
    [0o600, '600'],
    [0o444, '444'],
    [0o4755, '755'],
    [0o2755, '755'],
  ] as const) {
    await chmod(path, before)
    await write(path, 'again')
    t.equal(modeOf(path), after)
  }
  await write(path, 'asked', { mode: 0o4711 })
  t.equal(modeOf(path), '4711', 'where asked for')
})

const ATTRIBUTES = `
import os, struct, sys
path = sys.argv[1]
if sys.argv[2] == 'set':
    os.setxattr(path, 'user.origin', b'https://example.org\\0\\xff')
    entry = lambda tag, perm, who: struct.pack('<HHI', tag, perm, who)
    none = 0xffffffff
    acl = [entry(1, 6, none), entry(2, 4, 12345), entry(4, 4, none), entry(16, 4, none), entry(32, 0, none)]
    os.setxattr(path, 'system.posix_acl_access', struct.pack('<I', 2) + b''.join(acl))
else:
    print({name: os.getxattr(path, name).hex() for name in sorted(os.listxattr(path))})
`

const attributes = (path: string, what: 'set' | 'get'): string =>
  execFileSync('python3', ['-c', ATTRIBUTES, path, what], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

/** Reason to skip: the disk under the tests has no such attributes. */
function noAttributes(): string | false {
  const file = join(mkdtempSync(join(tmpdir(), 'attributes-')), 'x')
  try {
    writeFileSync(file, '')
    attributes(file, 'set')
    return false
  } catch {
    return 'no extended attributes'
  } finally {
    rmSync(dirname(file), { recursive: true })
  }
}

t.test('F-10 attributes and ACLs are kept', { skip: noAttributes() }, async (t) => {
  const { dir, write } = await desk(t)
  const path = join(dir, 'x')
  await write(path, 'old')
  attributes(path, 'set')
  const before = attributes(path, 'get')
  t.match(before, /user\.origin/)
  t.match(await write(path, 'new'), { atomic: true })
  t.equal(readFileSync(path, 'utf8'), 'new')
  t.equal(attributes(path, 'get'), before)
  t.equal(modeOf(path), '640')
})

t.test('F-10 the owner is kept', { skip: NO_ROOT }, async (t) => {
  const { dir, write } = await desk(t)
  const path = join(dir, 'x')
  await writeFile(path, '')
  await chown(path, 1234, 2345)
  await chmod(path, 0o640)
  await write(path, 'theirs')
  t.match(statSync(path), { uid: 1234, gid: 2345 })
  t.equal(modeOf(path), '640')
})

t.test('F-12 the directory is setgid: its group is passed on', { skip: NO_ROOT }, async (t) => {
  const { dir, write } = await desk(t)
  await chown(dir, 0, 4321)
  await chmod(dir, 0o2777)
  await write(join(dir, 'x'), 'x')
  t.equal(statSync(join(dir, 'x')).gid, 4321)
  await write(join(dir, 'sub/y'), 'y', { createDirs: true })
  t.equal(modeOf(join(dir, 'sub')), '2755')
  t.equal(statSync(join(dir, 'sub/y')).gid, 4321)
})

t.test('F-13 a hundred writers at once', async (t) => {
  const { dir, write } = await desk(t)
  const path = join(dir, 'contested')
  const contents = Array.from({ length: 100 }, (_, i) => Buffer.alloc(MiB, `${i} `))
  await Promise.all(contents.map((content) => write(path, content)))
  t.ok(
    contents.some((content) => readFileSync(path).equals(content)),
    "one winner's bytes",
  )
  await link(path, join(dir, 'second'))
  await Promise.all(contents.slice(0, 10).map((content) => write(path, content)))
  t.ok(
    contents.some((content) => readFileSync(path).equals(content)),
    'also in place',
  )
  await Promise.all(contents.map((_, i) => write(join(dir, 'a/b/c/d', String(i)), 'x', { createDirs: true })))
  t.equal(readdirSync(join(dir, 'a/b/c/d')).length, 100)
  t.same(readdirSync(dir).sort(), ['a', 'contested', 'second'])
})

t.test('F-14 names are taken as they are', async (t) => {
  const { dir, write } = await desk(t)
  const names = ['~', 'back\\slash', '\u00e9', 'e\u0301', 'line\nfeed', 'x'.repeat(255), '漢'.repeat(85), '-rf', '"\'']
  for (const name of names) await write(join(dir, name), name)
  for (const name of names) t.equal(readFileSync(join(dir, name), 'utf8'), name)
  t.equal(readdirSync(dir).length, names.length)
  await refused(t, write(join(dir, 'x'.repeat(256)), ''), 'bad_request', /name longer/)
})

t.test('F-17 bytes are written unchanged', async (t) => {
  const { dir, write } = await desk(t)
  for (const bytes of [randomBytes(MiB), Buffer.from('\ufeffbom\r\n\u0000')]) {
    await write(join(dir, 'x'), bytes)
    t.ok(readFileSync(join(dir, 'x')).equals(bytes))
  }
})

t.test('64 MiB do not hold the loop', async (t) => {
  const { dir, write } = await desk(t)
  const content = Buffer.alloc(64 * MiB, 'YWJj')
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await write(join(dir, 'x'), content)
  await write(join(dir, 'x'), content, { encoding: 'base64' })
  delay.disable()
  t.comment(`longest delay ${(delay.max / 1e6).toFixed(1)} ms`)
  t.equal(statSync(join(dir, 'x')).size, 48 * MiB)
})

t.test('the hash is made of the complete file, before it can be seen', async (t) => {
  const { dir, write } = await desk(t)
  const path = join(dir, 'x')
  const text = 'text'.repeat(20_000)
  const digest = (file: string) => Promise.resolve(`${readFileSync(file).byteLength} ${existsSync(path)}`)
  t.same(await write(path, text, { digest }), { size: 80_000, atomic: true, hash: '80000 false' })
  t.same(await write(path, 'more', { digest, append: true }), { size: 80_004, atomic: false, hash: '80004 true' })
  const short = createHash('sha256').update('short').digest('hex')
  t.same(await write(path, 'short', { digest }), { size: 5, atomic: true, hash: short }, 'what is short is hashed here')
})

t.test('a caller who has left changes nothing', async (t) => {
  const dir = t.testdir({ state: {}, file: 'old' })
  await using writer = await openFileWriter({ stateDirectory: join(dir, 'state'), durable: false })
  const request = { path: join(dir, 'file'), content: 'new', encoding: 'utf8', createDirs: false } as const
  const left = AbortSignal.abort(new Error('left'))
  await t.rejects(writer.write({ ...request, append: false }, left), /left/)
  await t.rejects(writer.write({ ...request, append: true }, left), /left/)
  t.equal(readFileSync(join(dir, 'file'), 'utf8'), 'old')
  t.same(readdirSync(dir).sort(), ['file', 'state'])
})
