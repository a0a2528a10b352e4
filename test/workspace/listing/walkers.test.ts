// The pool of walking threads: pull, abort, limits, idle end; hashing off the main thread.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { listFiles, streamFiles } from '../../../src/workspace/listing/listing.ts'
import { openWalkers } from '../../../src/workspace/listing/walkers.ts'
import { linesOf, listRequest } from '../../support/listings.ts'
import { until } from '../../support/until.ts'

const home = { home: undefined, configHome: undefined }
const never = new AbortController().signal

/** A tree whose listing is far more than two batches. */
function plantWide(root: string): string {
  for (let d = 0; d < 20; d++) {
    const directory = join(root, `directory-${'x'.repeat(200)}-${d}`)
    mkdirSync(directory)
    for (let f = 0; f < 50; f++) writeFileSync(join(directory, `file-${'y'.repeat(200)}-${f}`), '')
  }
  return root
}
const wide = plantWide(t.testdir({}))
const WIDE = 20 + 20 * 50

t.test('hash of a regular file, of nothing else', async (t) => {
  await using walkers = openWalkers({ home })
  const path = t.testdir({ a: 'abc', link: t.fixture('symlink', 'a') })
  const expected = createHash('sha256').update('abc').digest('hex')
  t.equal(await walkers.hash(join(path, 'a'), never), expected)
  t.equal(await walkers.hash(join(path, 'link'), never), expected)
  spawnSync('mkfifo', [join(path, 'fifo')])
  await t.rejects(walkers.hash(join(path, 'fifo'), never), { code: 'not_regular' })
  await t.rejects(walkers.hash(path, never), { code: 'not_regular' })
  await t.rejects(walkers.hash(join(path, 'no'), never), { code: 'not_found' })
})

t.test('walks in one thread take turns: a listing ends while a huge file is being hashed', async (t) => {
  await using walkers = openWalkers({ home, threads: 1 })
  const path = t.testdir({ huge: '', small: {} })
  truncateSync(join(path, 'huge'), 2 ** 40)
  const leave = new AbortController()
  const hashed = walkers.hash(join(path, 'huge'), leave.signal)
  const settled = hashed.then(
    () => 'hashed',
    () => 'aborted',
  )
  t.equal((await linesOf(await streamFiles(walkers, listRequest({ path }), never))).length, 2)
  leave.abort()
  t.equal(await settled, 'aborted', 'released at once, long before a terabyte is read')
  t.equal((await linesOf(await streamFiles(walkers, listRequest({ path }), never))).length, 2)
})

t.test('a reader that stops holds two batches, and leaving releases the walk', async (t) => {
  await using walkers = openWalkers({ home, threads: 1, walks: 1 })
  const request = listRequest({ path: wide, light: true })
  const slow = (await streamFiles(walkers, request, never))[Symbol.asyncIterator]()
  t.match(await slow.next(), { value: { event: 'start' } })
  t.ok('rendered' in ((await slow.next()).value ?? {}))
  await t.rejects(streamFiles(walkers, request, never), { code: 'rate_limited', retryAfter: 1 }, 'the limit is visible')
  await slow.return?.()
  t.equal((await linesOf(await streamFiles(walkers, request, never))).length, WIDE)
})

t.test('replies share memory: what does not fit is 503, and is given back', async (t) => {
  await using walkers = openWalkers({ home, replyMemory: 300_000 })
  const request = listRequest({ path: wide, light: true })
  await t.rejects(listFiles(walkers, request, never), { code: 'unavailable', retryAfter: 1 })
  t.equal((await listFiles(walkers, { ...request, max_depth: 1 }, never)).count, 20)
  t.equal((await linesOf(await streamFiles(walkers, request, never))).length, WIDE, 'a stream needs none')
})

t.test('an abort ends a walk wherever it is', async (t) => {
  await using walkers = openWalkers({ home, walks: 1 })
  const request = listRequest({ path: wide, light: true })
  const gone = new AbortController()
  const frames = (await streamFiles(walkers, request, gone.signal))[Symbol.asyncIterator]()
  await frames.next()
  gone.abort()
  await t.rejects(frames.next(), { name: 'AbortError' })
  await t.rejects(streamFiles(walkers, request, gone.signal), { name: 'AbortError' })
  t.equal((await linesOf(await streamFiles(walkers, request, never))).length, WIDE)
})

const threads = () => readdirSync('/proc/self/task').length

t.test('idle threads end, and start again when needed', async (t) => {
  const path = t.testdir({ a: '' })
  const request = listRequest({ path })
  {
    await using first = openWalkers({ home })
    await linesOf(await streamFiles(first, request, never))
  }
  const without = threads()
  await using walkers = openWalkers({ home, idle: 1 })
  for (let round = 0; round < 2; round++) {
    t.equal((await linesOf(await streamFiles(walkers, request, never))).length, 1)
    await until('the thread has ended', () => threads() <= without)
  }
})

t.test('a closed pool refuses, and its walks end with 503', async (t) => {
  const walkers = openWalkers({ home })
  const frames = (await streamFiles(walkers, listRequest({ path: wide, light: true }), never))[Symbol.asyncIterator]()
  await frames.next()
  await walkers[Symbol.asyncDispose]()
  t.match((await frames.next()).value, { event: 'error', data: { code: 'unavailable' } }, 'a stream says why it ends')
  t.match(await frames.next(), { done: true })
  await t.rejects(streamFiles(walkers, listRequest({ path: wide }), never), { code: 'unavailable' })
})
