// What ripgrep prints, read in every way it can be cut.

import t from 'tap'
import { readHead, ripgrepBatches, RECORD_BYTES } from '../../../src/workspace/search/ripgrep-output.ts'

async function read(chunks: readonly Uint8Array[]) {
  const lines = []
  let complete = false
  let endless
  const source = async function* () {
    yield* chunks
  }
  for await (const batch of ripgrepBatches(source())) {
    lines.push(...batch.records)
    complete ||= batch.complete
    endless = batch.endless
  }
  return { lines, complete, endless }
}

const record = (kind: string, path: object, lines: object, number: number, start?: number) =>
  `${JSON.stringify({ type: kind, data: { path, lines, line_number: number, absolute_offset: 0, submatches: start === undefined ? [] : [{ match: {}, start, end: start + 1 }] } })}\n`

const printed = [
  '{"type":"begin","data":{"path":{"text":"./a.txt"}}}\n',
  record('context', { text: './a.txt' }, { text: 'before\r\n' }, 1),
  record('match', { text: './a.txt' }, { text: 'αβ𝕏 hit\n' }, 2, 9),
  'this is not JSON\n',
  record(
    'match',
    { bytes: Buffer.from('./\xff', 'latin1').toString('base64') },
    { bytes: Buffer.from('\xc3\xa4\xff hit\n', 'latin1').toString('base64') },
    7,
    4,
  ),
  '{"type":"end","data":{"path":{"text":"./a.txt"},"binary_offset":null,"stats":{}}}\n',
  '{"type":"end","data":{"path":{"text":"./b"},"binary_offset":70000,"stats":{}}}\n',
  '{"data":{"elapsed_total":{},"stats":{}},"type":"summary"}\n',
].join('')

const expected = [
  { kind: 'context', path: 'a.txt', line: 1, text: 'before' },
  { kind: 'match', path: 'a.txt', line: 2, column: 5, text: 'αβ𝕏 hit' },
  { kind: 'match', path: '\uFFFD', pathBytes: '/w==', line: 7, column: 4, text: 'ä\uFFFD hit', lossy: true },
  { kind: 'end', path: 'a.txt', nul: undefined },
  { kind: 'end', path: 'b', nul: 70_000 },
]

t.test('S-07 records, columns in characters, bytes forms, lines that are not JSON', async (t) => {
  t.strictSame(await read([Buffer.from(printed)]), { lines: expected, complete: true, endless: undefined })
})

t.test('wherever the chunks are cut', async (t) => {
  const bytes = Buffer.from(printed)
  for (const size of [1, 2, 7, 64, 100, 333]) {
    const chunks = []
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
    t.strictSame((await read(chunks)).lines, expected, `${size} bytes a chunk`)
  }
})

t.test('S-04 a record beyond 8 MiB is given up with what is known of it', async (t) => {
  const start = Buffer.from('{"type":"match","data":{"path":{"text":"./big \\"1\\".txt"},"lines":{"text":"\\u0000ab')
  const chunks = [start, ...Array.from({ length: RECORD_BYTES / 65536 + 1 }, () => Buffer.alloc(65536, 'x'))]
  const { lines, complete, endless } = await read(chunks)
  t.strictSame({ lines, complete }, { lines: [], complete: false })
  t.match(endless, { kind: 'match', path: 'big "1".txt', line: 0, truncated: true })
  t.equal(typeof endless === 'object' && endless.text, `\0ab${'x'.repeat(4093)}`)
  t.equal((await read([Buffer.alloc(RECORD_BYTES + 1, 'x')])).endless, 'unreadable')
  t.equal(
    readHead('{"type":"match","data":{"path":{"text":"./a"},"lines":{"text":"ab\\u00')?.text,
    'ab',
    'a torn escape',
  )
  const bytes = Buffer.from('abcdef').toString('base64').slice(0, 7)
  t.equal(readHead(`{"type":"context","data":{"path":{"text":"./a"},"lines":{"bytes":"${bytes}`)?.text, 'abc')
})
