// Reading: ranges, forms, limits, and what is refused (protocol.md#files-read, F-01 to F-04, F-17).

import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { appendFile, mkdtemp, open, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Fault } from '../../../../src/base/fault.ts'
import { type JsonText, jsonPieces } from '../../../../src/base/json-text.ts'
import { readFile, READ_BYTES, type ReadRequest } from '../../../../src/workspace/files/read/file-reader.ts'
import { refused } from '../../../support/refused.ts'

const { signal } = new AbortController()

const read = (path: string, more: Partial<ReadRequest> = {}, when: AbortSignal = signal) =>
  readFile({ path, numbered: false, encoding: 'utf8', ...more }, when)

/** The content as a client gets it. */
function received(content: string | JsonText<string>): string {
  return JSON.parse(Buffer.concat([...jsonPieces(content)].map((piece) => Buffer.from(piece))).toString()) as string
}

t.test('whole files and ranges', async (t) => {
  const dir = t.testdir({ 'a.txt': 'one\ntwo\nthree', empty: '', feeds: '\n\n' })
  const path = join(dir, 'a.txt')
  t.same(await read(path), { content: 'one\ntwo\nthree', size: 13, lines: 3, extension: '.txt' })
  t.same(await read(path, { startLine: 2, endLine: 2 }), {
    content: 'two\n',
    size: 13,
    lines: 1,
    extension: '.txt',
    start_line: 2,
    end_line: 2,
  })
  t.match(await read(path, { endLine: 99 }), { content: 'one\ntwo\nthree', lines: 3, start_line: 1, end_line: 3 })
  t.match(await read(path, { startLine: 3 }), { content: 'three', lines: 1, start_line: 3, end_line: 3 })
  t.match(await read(path, { startLine: 4 }), { content: '', lines: 0, start_line: 4, end_line: 3 })
  t.equal((await read(path, { startLine: 2, numbered: true })).content, '2\ttwo\n3\tthree')
  t.same(await read(join(dir, 'empty')), { content: '', size: 0, lines: 0 })
  t.same(await read(join(dir, 'empty'), { numbered: true }), { content: '', size: 0, lines: 0 })
  t.match(await read(join(dir, 'feeds'), { numbered: true }), { content: '1\t\n2\t\n', lines: 2 })
  await refused(t, read(path, { startLine: 3, endLine: 2 }), 'bad_request', /end_line is 2/)
  await refused(t, read(path, { numbered: true, encoding: 'base64' }), 'bad_request', /with_line_numbers/)
  await refused(t, read(dir), 'bad_request', /is a directory/)
  await refused(t, read(join(dir, 'a.tyt')), 'not_found', /Did you mean .*a\.txt/)
  await refused(t, read(join(dir, 'x', 'y', 'z')), 'not_found', /last directory/)
  await refused(t, read(join(path, 'below')), 'bad_request', /parent that is not a directory/)
})

t.test('F-17 bytes arrive unchanged, or are flagged', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'x')
  for (const size of [1000, 1024 * 1024]) {
    const bytes = randomBytes(size)
    await writeFile(path, bytes)
    const exact = await read(path, { encoding: 'base64' })
    t.equal(exact.encoding, 'base64')
    t.ok(Buffer.from(received(exact.content), 'base64').equals(bytes), `${size} random bytes as base64`)
    const text = await read(path)
    t.equal(text.lossy, true)
    t.equal(received(text.content), bytes.toString('utf8'), 'the same replacement characters, sliced or not')
    t.equal(text.size, size)
  }
  for (const text of ['\ufeffbom\r\ncrlf\r\n', '漢é😀'.repeat(100_000), '\u0001\u2028"\\'.repeat(100_000)]) {
    await writeFile(path, text)
    const found = await read(path)
    t.equal(received(found.content), text)
    t.notOk('lossy' in found)
  }
  await writeFile(path, Buffer.alloc(600_000, 0x80)) // nothing but continuation bytes
  t.equal(received((await read(path)).content), '\ufffd'.repeat(600_000))
})

t.test('10 MiB are returned, one byte more is not', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'big')
  await writeFile(path, Buffer.alloc(READ_BYTES, 'x'.repeat(1023) + '\n'))
  const whole = await read(path)
  t.equal(received(whole.content).length, READ_BYTES)
  t.equal(whole.lines, READ_BYTES / 1024)
  await refused(t, read(path, { numbered: true }), 'payload_too_large', /line numbers/)
  await appendFile(path, 'y')
  await refused(t, read(path), 'payload_too_large', /is 10485761 bytes; at most 10485760 .* start_line/)
  t.match(await read(path, { startLine: READ_BYTES / 1024 + 1 }), { content: 'y', size: READ_BYTES + 1, lines: 1 })
  await refused(t, read(path, { startLine: 1 }), 'payload_too_large', /start_line/)
  t.equal((await read(path, { startLine: 2, endLine: 3 })).lines, 2)
})

t.test('the loop is never held for 50 ms, whatever the bytes', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'big')
  const delay = monitorEventLoopDelay({ resolution: 1 })
  for (const fill of ['\n', '\u0001', '\u00e9', Buffer.from([0xff])]) {
    await writeFile(path, Buffer.alloc(READ_BYTES - 1, fill))
    await new Promise((resolve) => setImmediate(resolve))
    delay.enable()
    await read(path)
    await read(path, { encoding: 'base64' })
    await read(path, { startLine: 1, endLine: 900_000, numbered: true }).catch(() => {})
    delay.disable()
  }
  // Not a test of speed: a single step of 10 MiB takes 160 to 480 ms, the longest slice 12.
  t.comment(`longest delay ${(delay.max / 1e6).toFixed(1)} ms`)
  const sparse = await open(join(dir, 'sparse'), 'w')
  await sparse.truncate(1024 ** 4)
  await sparse.write('\nlast', 256 * 1024 * 1024)
  await sparse.truncate(256 * 1024 * 1024 + 5)
  await sparse.close()
  t.match(await read(join(dir, 'sparse'), { startLine: 2 }), { content: 'last', lines: 1 }, 'behind 256 MiB')
})

t.test('F-01 FIFOs are refused at once and hold nobody up', async (t) => {
  const dir = t.testdir({ ok: 'fine' })
  const fifo = join(dir, 'fifo')
  execFileSync('mkfifo', [fifo])
  const refusals = Array.from({ length: 8 }, () => refused(t, read(fifo), 'not_regular', /is a fifo/))
  const reads = Array.from({ length: 1000 }, () => read(join(dir, 'ok')))
  t.ok((await Promise.all(reads)).every((one) => one.content === 'fine'))
  await Promise.all(refusals)
})

t.test('F-02 devices, sockets and kernel streams are refused', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'reader-')) // short: a socket's path has at most 107 bytes
  t.teardown(() => rm(dir, { recursive: true }))
  await using server = createServer().listen(join(dir, 'socket'))
  await once(server, 'listening')
  await symlink('/dev/zero', join(dir, 'link'))
  for (const path of ['/dev/zero', '/dev/urandom', '/dev/tty', '/proc/kmsg', join(dir, 'socket'), join(dir, 'link')]) {
    await refused(t, read(path), 'not_regular', /accepted is a regular file/)
    await refused(t, read(path, { startLine: 1, endLine: 1 }), 'not_regular', /accepted is a regular file/)
  }
  if (existsSync('/proc/kcore')) await refused(t, read('/proc/kcore'), 'not_regular', /stream of the kernel/)
  await refused(t, read('/proc/self/mem'), 'not_regular', /EIO/)
  t.ok(server.listening)
})

t.test('F-03 files whose size the kernel does not know are read', async (t) => {
  const status = await read('/proc/self/status')
  t.match(status.content, /^Name:/)
  t.equal(status.size, Buffer.byteLength(status.content as string))
  t.match((await read('/proc/self/status', { startLine: 1, endLine: 1 })).content, /^Name:.*\n$/)
  const version = await read('/sys/kernel/mm/transparent_hugepage/enabled').catch(() => undefined)
  if (version !== undefined) t.equal(version.size, readFileSync('/sys/kernel/mm/transparent_hugepage/enabled').length)
})

t.test('F-04 a file that changes while it is read gives one state of it, or a conflict', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'moving')
  const size = 4 * 1024 * 1024
  await writeFile(path, Buffer.alloc(size, 'a'))
  const states = Array.from({ length: 20 }, async () => {
    const found = await read(path).catch((error: unknown) => error)
    if (found instanceof Fault) return found.code === 'conflict' || found.code === 'not_found'
    const { content, size } = found as { content: string | JsonText<string>; size: number }
    return received(content).length === size
  })
  for (let i = 0; i < 20; i++) {
    await truncate(path, i % 2 === 0 ? 1000 : size)
    await appendFile(path, 'b')
  }
  await unlink(path)
  t.ok((await Promise.all(states)).every(Boolean))
})

t.test('hashes are those of the file', async (t) => {
  const bytes = randomBytes(300_000)
  const dir = t.testdir({ small: 'small', big: bytes })
  const digest = () => Promise.resolve('from elsewhere')
  const sha = (of: string | Buffer) => createHash('sha256').update(of).digest('hex')
  t.equal((await read(join(dir, 'small'), { digest })).hash, sha('small'))
  t.equal((await read(join(dir, 'big'), { digest })).hash, sha(bytes))
  t.equal((await read(join(dir, 'big'), { digest, startLine: 1 })).hash, 'from elsewhere')
})

t.test('a caller who has left ends the reading', async (t) => {
  const dir = t.testdir({ a: 'x' })
  await t.rejects(read(join(dir, 'a'), {}, AbortSignal.abort(new Error('left'))), /left/)
})
