// Unpacking: private directory, complete files only, found again cheaply, safe for starts at the same time.

import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { privateDirectory, prove, unpack } from '../../src/base/unpack.ts'
import { bind, ground, NO_MOUNTS, NO_ROOT, tmpfs } from '../support/mounting.ts'

const content = Buffer.from('#!/bin/sh\necho unpacked\n')
const sha256 = createHash('sha256').update(content).digest('hex')

function packed(onRead: () => void = () => {}) {
  const read = () => {
    onRead()
    return content
  }
  return { name: 'tool', sha256, bytes: content.length, read }
}

t.test('a file is written once, private and executable, and found again without being written', async (t) => {
  const directory = join(ground(t).dir, 'deep/cache')
  privateDirectory(directory)
  let reads = 0
  const path = unpack(
    directory,
    packed(() => reads++),
  )
  t.equal(path, join(directory, `${sha256.slice(0, 16)}-tool`))
  t.equal(statSync(directory).mode & 0o777, 0o700)
  t.equal(statSync(path).mode & 0o777, 0o700)
  t.same(readFileSync(path), content)
  t.equal(
    unpack(
      directory,
      packed(() => reads++),
    ),
    path,
  )
  t.equal(reads, 2, 'once to be written, once to be compared')
  t.same(readdirSync(directory), [`${sha256.slice(0, 16)}-tool`], 'nothing is left aside')
})

t.test('a file cut short, too open, or replaced by a link is written anew', async (t) => {
  const directory = t.testdir({ elsewhere: 'x'.repeat(content.length) })
  privateDirectory(directory)
  const path = unpack(directory, packed())
  writeFileSync(path, 'short')
  unpack(directory, packed())
  t.same(readFileSync(path), content, 'cut short')
  chmodSync(path, 0o777)
  unpack(directory, packed())
  t.equal(statSync(path).mode & 0o777, 0o700, 'writable by others')
  const linked = t.testdir({ elsewhere: 'x'.repeat(content.length) })
  chmodSync(join(linked, 'elsewhere'), 0o700)
  symlinkSync('elsewhere', join(linked, `${sha256.slice(0, 16)}-tool`))
  t.same(readFileSync(unpack(linked, packed())), content, 'a link')
  t.equal(readFileSync(join(linked, 'elsewhere'), 'utf8'), 'x'.repeat(content.length), 'its target is untouched')
})

t.test('a file of the right owner, mode and size with other content is written anew', async (t) => {
  const directory = t.testdir({})
  privateDirectory(directory)
  const path = unpack(directory, packed())
  const other = Buffer.alloc(content.length, 'x')
  writeFileSync(path, other)
  t.same(readFileSync(unpack(directory, packed())), content)
  const later = { ...packed(), provenLater: true as const }
  writeFileSync(path, other)
  unpack(directory, later)
  t.same(readFileSync(path), other, 'its first use will tell')
  prove(path, later)
  t.same(readFileSync(path), content)
  t.equal(statSync(path).mode & 0o777, 0o700)
})

t.test('a directory that is not ours is refused; one of ours is closed to others', async (t) => {
  const directory = t.testdir({ foreign: {}, open: {}, file: '' })
  const root = process.getuid?.() === 0
  if (root) chownSync(join(directory, 'foreign'), 12345, 12345)
  t.throws(() => privateDirectory(root ? join(directory, 'foreign') : '/usr'), /belongs to another user/)
  chmodSync(join(directory, 'open'), 0o777)
  privateDirectory(join(directory, 'open'))
  t.equal(statSync(join(directory, 'open')).mode & 0o777, 0o700)
  t.throws(() => privateDirectory(join(directory, 'file')))
  mkdirSync(join(directory, 'real'))
  symlinkSync('real', join(directory, 'link'))
  t.throws(() => privateDirectory(join(directory, 'link')), /not a directory/)
})

t.test('a directory that somebody could replace is refused', async (t) => {
  const { dir } = ground(t)
  mkdirSync(join(dir, 'open'))
  chmodSync(join(dir, 'open'), 0o777)
  t.throws(() => privateDirectory(join(dir, 'open/cache')), /open may be written by everybody/)
  chmodSync(join(dir, 'open'), 0o1777)
  t.equal(privateDirectory(join(dir, 'open/cache')), join(dir, 'open/cache'), 'the sticky bit protects it')
  chmodSync(join(dir, 'open'), 0o775)
  t.equal(privateDirectory(join(dir, 'open/cache')), join(dir, 'open/cache'), 'so is a group trusted')
})

t.test('a directory below that of another user is refused', { skip: NO_ROOT }, async (t) => {
  const { dir } = ground(t)
  mkdirSync(join(dir, 'theirs/cache'), { recursive: true })
  chownSync(join(dir, 'theirs'), 12345, 12345)
  t.throws(() => privateDirectory(join(dir, 'theirs/cache')), /theirs belongs to another user/)
  symlinkSync('theirs', join(dir, 'link'))
  t.throws(() => privateDirectory(join(dir, 'link/cache')), /theirs belongs to another user/, 'through a link as well')
})

t.test('a link on the way is followed once: what is unpacked has its real path', async (t) => {
  const { dir } = ground(t)
  mkdirSync(join(dir, 'real'))
  symlinkSync('real', join(dir, 'link'))
  t.equal(privateDirectory(join(dir, 'link/cache')), join(dir, 'real/cache'))
})

t.test('a disk without exec, or without room, is no place', { skip: NO_MOUNTS }, async (t) => {
  const noexec = tmpfs(ground(t), 'noexec,mode=700')
  t.throws(() => unpack(privateDirectory(noexec), packed()), { code: 'EACCES' })
  const small = tmpfs(ground(t), 'size=16k,mode=700')
  const large = { ...packed(), bytes: 65_536, read: () => Buffer.alloc(65_536) }
  t.throws(() => unpack(privateDirectory(small), large), { code: 'ENOSPC' })
  t.same(readdirSync(small), [], 'nothing is left of what did not fit')
})

t.test('a read-only disk is no place, unless the file is there already', { skip: NO_MOUNTS }, async (t) => {
  const at = ground(t)
  const before = join(at.dir, 'full')
  const path = unpack(privateDirectory(before), packed())
  mkdirSync(join(at.dir, 'empty'))
  bind(at, at.dir, at.dir, 'ro')
  t.throws(() => unpack(privateDirectory(join(at.dir, 'empty')), packed()), { code: 'EROFS' })
  t.equal(unpack(privateDirectory(before), packed()), path)
})

t.test('what other versions left long ago is swept, what is recent or not ours stays', async (t) => {
  const old = new Date(Date.now() - 40 * 24 * 3600 * 1000)
  const directory = t.testdir({
    '0123456789abcdef-tool': 'old',
    '0123456789abcdef-tool.aa.part': 'cut',
    'ffffffffffffffff-tool': 'new',
    notes: 'mine',
  })
  for (const name of ['0123456789abcdef-tool', '0123456789abcdef-tool.aa.part', 'notes']) {
    utimesSync(join(directory, name), old, old)
  }
  privateDirectory(directory)
  unpack(directory, packed())
  t.same(
    readdirSync(directory).toSorted(),
    [`${sha256.slice(0, 16)}-tool`, 'ffffffffffffffff-tool', 'notes'].toSorted(),
  )
})

t.test('many starts at once all get the whole file', async (t) => {
  const directory = t.testdir()
  privateDirectory(directory)
  const module = JSON.stringify(new URL('../../src/base/unpack.ts', import.meta.url).href)
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { readFileSync } = require('node:fs')
    import(${module}).then(({ unpack }) => {
      const path = unpack(workerData.directory, { ...workerData.packed, read: () => workerData.content })
      parentPort.postMessage(readFileSync(path, 'utf8'))
    })`
  const { read: _, ...description } = packed()
  const workers = Array.from(
    { length: 6 },
    () => new Worker(code, { eval: true, workerData: { directory, packed: description, content } }),
  )
  const texts = await Promise.all(
    workers.map((worker) => new Promise((done, no) => worker.once('message', done).once('error', no))),
  )
  t.same(texts, Array(6).fill(content.toString()))
  await Promise.all(workers.map((worker) => worker.terminate()))
  t.equal(readdirSync(directory).length, 1)
})
