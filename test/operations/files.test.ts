// The file operations as declared: what comes in, what goes out, with a real writer and a real walker
// (protocol.md#files, protocol.md#tolerant-input).

import { createHash, randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Static, TObject } from 'typebox'
import { Check } from 'typebox/value'
import t, { type Test } from 'tap'
import { readInput } from '../../src/intake/intake.ts'
import type { Call, Operation } from '../../src/operation.ts'
import { fileDelete, fileMkdir, fileRead, fileStat, fileWrite } from '../../src/operations/files.ts'
import { openFileWriter } from '../../src/workspace/files/write/file-writer.ts'
import { openWalkers } from '../../src/workspace/listing/walkers.ts'
import type { Workspace } from '../../src/workspace/workspace.ts'
import { EVERYTHING } from '../../src/workspace/files/opening/access.ts'

type Raw = Readonly<Record<string, unknown>>

/** Calls an operation as the gate does, and checks its answer against its own schema. */
async function caller(t: Test) {
  const dir = t.testdir({})
  const writer = await openFileWriter({ stateDirectory: join(dir, '.state'), durable: true })
  const walkers = openWalkers({ home: { home: undefined, configHome: undefined } })
  t.teardown(async () => {
    await writer[Symbol.asyncDispose]()
    await walkers[Symbol.asyncDispose]()
  })
  const workspace = { writer, walkers, workdir: '/nowhere' } as unknown as Workspace // the only parts that files use
  const call: Call = { workspace, access: EVERYTHING, signal: new AbortController().signal }
  async function ask<I extends TObject, O extends TObject>(op: Operation<I, O>, raw: Raw, mcp = false) {
    const rules = { unknown: 'report', ...(mcp && op.tool?.defaults ? { defaults: op.tool.defaults } : {}) } as const
    const answer = (await op.run(readInput(op, raw, rules).input, call)) as Static<O>
    if (!Check(op.output, answer)) t.fail(`the answer does not fit the schema of ${op.name}`, { answer })
    return answer
  }
  return { dir, ask }
}

t.test('read', async (t) => {
  const { dir, ask } = await caller(t)
  const path = join(dir, 'a.go')
  writeFileSync(path, 'one\ntwo\n')
  const whole = { path, content: 'one\ntwo\n', size: 8, lines: 2, extension: '.go' }
  t.same(await ask(fileRead, { path }), whole)
  t.same(await ask(fileRead, { path, start_line: '2', end_line: '5', with_line_numbers: 'true' }), {
    path,
    content: '2\ttwo\n',
    size: 8,
    lines: 1,
    extension: '.go',
    start_line: 2,
    end_line: 2,
  })
  const hash = createHash('sha256').update('one\ntwo\n').digest('hex')
  t.same(await ask(fileRead, { path, hash: true }), { ...whole, hash })
  t.same((await ask(fileRead, { path, hash: true, start_line: 2 })).hash, hash)
  t.match(await ask(fileRead, { path, encoding: 'base64' }), { content: 'b25lCnR3bwo=', encoding: 'base64' })
  for (const [raw, field] of [
    [{}, 'path'],
    [{ path: `${path}\0` }, 'path'],
    [{ path: '' }, 'path'],
    [{ path: `/${'x'.repeat(4095)}` }, 'path'],
    [{ path, start_line: 0 }, 'start_line'],
    [{ path, end_line: 1.5 }, 'end_line'],
    [{ path, encoding: 'latin1' }, 'encoding'],
    [{ path, start_line: 3, end_line: 2 }, 'end_line'],
  ] as const) {
    await t.rejects(ask(fileRead, raw), { code: 'bad_request', details: { field } }, JSON.stringify(raw).slice(0, 60))
  }
})

t.test('write', async (t) => {
  const { dir, ask } = await caller(t)
  const path = join(dir, 'x')
  t.same(await ask(fileWrite, { path, content: 'höl' }), { path, size: 4 })
  t.same(await ask(fileWrite, { path, content: '!', append: true }), { path, size: 5 })
  const bytes = randomBytes(2 * 1024 * 1024)
  t.same(
    await ask(fileWrite, { path, content: bytes.toString('base64'), encoding: 'base64', hash: true, mode: '600' }),
    {
      path,
      size: bytes.byteLength,
      hash: createHash('sha256').update(bytes).digest('hex'),
    },
  )
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(path).nlink, 1)
  execFileSync('ln', [path, join(dir, 'y')])
  t.same(await ask(fileWrite, { path, content: 'in place' }), { path, size: 8, atomic: false })
  t.same(await ask(fileWrite, { path: `${path}/../z/`, content: '' }), { path: join(dir, 'z'), size: 0 })
  await t.rejects(
    ask(fileWrite, { path: join(dir, 'a/b'), content: '' }),
    { code: 'not_found' },
    'REST: parents are not made',
  )
  t.same(await ask(fileWrite, { path: join(dir, 'a/b'), content: '' }, true), { path: join(dir, 'a/b'), size: 0 })
  await t.rejects(ask(fileWrite, { path: join(dir, 'c/d'), content: '', create_dirs: false }, true), {
    code: 'not_found',
  })
  for (const [raw, field] of [
    [{ path }, 'content'],
    [{ path, content: 7 }, 'content'],
    [{ path, content: '\ud800' }, 'content'],
    [{ path, content: 'a', mode: '9' }, 'mode'],
    [{ path, content: 'a', mode: '0o644' }, 'mode'],
    [{ path, content: 'a', encoding: 'base64' }, 'content'],
  ] as const) {
    await t.rejects(ask(fileWrite, raw), { code: 'bad_request', details: { field } }, JSON.stringify(raw))
  }
  t.equal(readFileSync(path, 'utf8'), 'in place')
})

t.test('mkdir', async (t) => {
  const { dir, ask } = await caller(t)
  const path = join(dir, 'a/b')
  t.same(await ask(fileMkdir, { path, mode: 700 }), { path })
  t.equal(statSync(path).mode & 0o777, 0o700)
  t.same(await ask(fileMkdir, { path }), { path })
  writeFileSync(join(dir, 'file'), '')
  await t.rejects(ask(fileMkdir, { path: join(dir, 'file') }), { code: 'conflict' })
})

t.test('stat', async (t) => {
  const { dir, ask } = await caller(t)
  const path = join(dir, 'main.go')
  writeFileSync(path, 'package main', { mode: 0o644 })
  utimesSync(path, 1_700_000_000, 1_700_000_000.5)
  const owner = { uid: process.getuid?.(), gid: process.getgid?.() }
  t.same(await ask(fileStat, { path }), {
    path,
    name: 'main.go',
    type: 'file',
    size: 12,
    modified: '2023-11-14T22:13:20.500Z',
    permissions: '0644',
    is_code: true,
    extension: '.go',
    ...owner,
  })
  symlinkSync('main.go', join(dir, 'link'))
  t.match(await ask(fileStat, { path: join(dir, 'link') }), {
    type: 'symlink',
    size: 0,
    symlink_target: 'main.go',
    is_code: false,
  })
  mkdirSync(join(dir, 'd.ir'))
  const directory = await ask(fileStat, { path: join(dir, 'd.ir') })
  t.match(directory, { type: 'directory', permissions: /^0[0-7]{3}$/ })
  t.notOk('extension' in directory)
  execFileSync('mkfifo', [join(dir, 'fifo')])
  t.match(await ask(fileStat, { path: join(dir, 'fifo') }), { type: 'file', special: 'fifo' })
  t.match(await ask(fileStat, { path: '/' }), { name: '/', type: 'directory' })
  await t.rejects(ask(fileStat, { path: join(dir, 'main.og') }), { code: 'not_found', message: /main\.go/ })
})

t.test('delete', async (t) => {
  const { dir, ask } = await caller(t)
  mkdirSync(join(dir, 'a/b'), { recursive: true })
  t.same(await ask(fileDelete, { path: join(dir, 'a') }), { path: join(dir, 'a') })
  await t.rejects(ask(fileDelete, { path: join(dir, 'a') }), { code: 'not_found' })
  for (const path of ['/', '//', '/etc/', '/usr/../usr', '/../bin', '.', 'etc']) {
    await t.rejects(ask(fileDelete, { path }), { code: 'forbidden' }, path)
  }
  await t.rejects(ask(fileDelete, { path: '' }), { code: 'bad_request' })
})
