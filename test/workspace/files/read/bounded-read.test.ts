// Reads that say where they go on, ranges from the end, and reading without knowing what a file is.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readAuto } from '../../../../src/workspace/files/read/auto-read.ts'
import { kindOf } from '../../../../src/workspace/files/read/file-kind.ts'
import { readFile, type ReadRequest } from '../../../../src/workspace/files/read/file-reader.ts'

const { signal } = new AbortController()
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const read = (path: string, more: Partial<ReadRequest> = {}) =>
  readFile({ path, numbered: false, encoding: 'utf8', ...more }, signal)

t.test('a table of bounded reads', async (t) => {
  const path = join(t.testdir({ 'a.txt': 'one\ntwo\nthree\nfour\n' }), 'a.txt')
  const table: [Partial<ReadRequest>, object][] = [
    [{ maxBytes: 100 }, { content: 'one\ntwo\nthree\nfour\n', lines: 4, total_lines: 4 }],
    [{ maxBytes: 19 }, { content: 'one\ntwo\nthree\nfour\n', lines: 4, total_lines: 4 }],
    [{ maxBytes: 18 }, { content: 'one\ntwo\nthree\n', lines: 3, total_lines: 4, next_line: 4 }],
    [{ maxBytes: 8 }, { content: 'one\ntwo\n', lines: 2, total_lines: 4, next_line: 3 }],
    [{ maxBytes: 2 }, { content: 'on', lines: 1, total_lines: 4, next_line: 2, line_cut: true }],
    [
      { maxBytes: 7, startLine: 2 },
      { content: 'two\n', start_line: 2, end_line: 2, total_lines: 4, next_line: 3 },
    ],
    [
      { maxBytes: 99, startLine: 2, endLine: 3 },
      { content: 'two\nthree\n', end_line: 3, total_lines: 4, next_line: 4 },
    ],
    [
      { maxBytes: 99, startLine: 9 },
      { content: '', lines: 0, start_line: 9, end_line: 8, total_lines: 4 },
    ],
    [{ startLine: -2 }, { content: 'three\nfour\n', start_line: 3, end_line: 4 }],
    [{ startLine: -99 }, { start_line: 1, end_line: 4 }],
    [{ startLine: -3, endLine: 3 }, { content: 'two\nthree\n' }],
    [
      { startLine: -1, numbered: true, maxBytes: 99 },
      { content: '4\tfour\n', total_lines: 4 },
    ],
  ]
  for (const [more, wanted] of table) {
    const got = await read(path, more)
    t.match(got, wanted, JSON.stringify(more))
    if (!('next_line' in wanted)) t.notOk('next_line' in got, JSON.stringify(more))
  }
  await t.rejects(read(path, { startLine: 0 }), { code: 'bad_request', details: { field: 'start_line' } })
  t.notOk('total_lines' in (await read(path)), 'only for whoever asks for a bound')
})

t.test('a file larger than one answer is read in bounded steps to its end', async (t) => {
  const path = join(t.testdir({}), 'big.txt')
  const all = Array.from({ length: 60_000 }, (_, i) => `line ${i + 1} ${'x'.repeat(i % 300)}\n`).join('')
  writeFileSync(path, all)
  let content = ''
  for (let next: number | undefined = 1; next !== undefined;) {
    const part = await read(path, { startLine: next, maxBytes: 1_000_000 })
    content +=
      typeof part.content === 'string' ? part.content : JSON.parse(Buffer.concat(part.content.chunks).toString())
    next = part.next_line
  }
  t.equal(content === all, true)
})

t.test('auto: text, an image, an image that is too large, another binary', async (t) => {
  const dir = t.testdir({})
  const put = (name: string, bytes: string | Buffer) => {
    writeFileSync(join(dir, name), bytes)
    return { path: join(dir, name), numbered: true, encoding: 'utf8', maxBytes: 1000 } as const
  }
  t.match(await readAuto(put('a.txt', 'héllo\n'), signal), { content: '1\théllo\n', total_lines: 1 })
  t.strictSame(await readAuto(put('a.png', PNG), signal), {
    content: PNG.toString('base64'),
    encoding: 'base64',
    size: PNG.length,
    lines: PNG.toString('latin1').split('\n').length,
    extension: '.png',
    media_type: 'image/png',
    binary: true,
  })
  const large = Buffer.concat([PNG, Buffer.alloc(1024 * 1024)])
  const other = { content: '', lines: 0, binary: true }
  t.match(await readAuto(put('b.png', large), signal), { ...other, size: large.length, media_type: 'image/png' })
  t.match(await readAuto(put('a.bin', 'a\0b'), signal), { ...other, size: 3, media_type: 'application/octet-stream' })
  await t.rejects(readAuto({ path: dir, numbered: false, encoding: 'utf8' }, signal), { code: 'bad_request' })
})

t.test('kinds by their first bytes', async (t) => {
  const table: [string, boolean, string][] = [
    ['', false, 'text/plain'],
    ['hello', false, 'text/plain'],
    ['\xff\xd8\xff\xe0', true, 'image/jpeg'],
    ['GIF89a', true, 'image/gif'],
    ['RIFF....WEBPVP8 ', true, 'image/webp'],
    ['%PDF-1.7', true, 'application/pdf'],
    ['PK\x03\x04', true, 'application/zip'],
    ['\x7fELF\x02\x01\x01\0', true, 'application/x-elf'],
    ['ID3 is a tag, this is text', false, 'text/plain'],
    [`${'x'.repeat(7999)}\0`, true, 'application/octet-stream'],
    [`${'x'.repeat(8000)}\0`, false, 'text/plain'],
  ]
  for (const [bytes, binary, mediaType] of table) {
    t.strictSame(kindOf(Buffer.from(bytes, 'latin1')), { binary, mediaType }, JSON.stringify(bytes.slice(0, 20)))
  }
})
