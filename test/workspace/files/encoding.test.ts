// Bytes on their way into JSON, and lines as bytes: sliced or not, the same comes out.

import t from 'tap'
import { JsonText } from '../../../src/base/json-text.ts'
import { asBase64, asText } from '../../../src/workspace/files/encoding.ts'
import { cutLines, lineCount, numberingBytes, numberLines } from '../../../src/workspace/files/read/lines.ts'

/** A whole string from either form. */
function whole(content: string | JsonText<string>): string {
  return content instanceof JsonText ? (JSON.parse(Buffer.concat(content.chunks).toString()) as string) : content
}

t.test('slices never change a character', async (t) => {
  const samples = ['x', 'é', '漢', '😀', 'x😀', '\n', '\u0000', '"\\']
  for (const sample of samples) {
    const text = sample.repeat(200_000)
    for (const shift of ['', 'a', 'ab', 'abc']) {
      const { content, lossy } = await asText(Buffer.from(shift + text))
      t.ok(content instanceof JsonText)
      t.ok(whole(content) === shift + text && !lossy, JSON.stringify(shift + sample))
    }
  }
  for (const broken of [[0x80], [0xff], [0xf0, 0x9f], [0xe2, 0x82, 0x41], [0xf0, 0x9f, 0x98, 0x80, 0x80], [0xc3]]) {
    const bytes = Buffer.alloc(300_001, Buffer.from(broken))
    const { content, lossy } = await asText(bytes)
    t.ok(whole(content) === bytes.toString() && lossy, broken.join(' '))
    t.ok(whole(await asBase64(bytes)) === bytes.toString('base64'))
  }
  t.same(await asText(Buffer.alloc(0)), { content: '', lossy: false })
})

t.test('lines are cut alike, however the chunks fall', (t) => {
  const text = 'one\n\nthree\r\nfour'
  for (let size = 1; size <= text.length; size++) {
    for (const [first, last, expected] of [
      [1, Infinity, text],
      [2, 3, '\nthree\r\n'],
      [4, 9, 'four'],
      [5, 9, ''],
    ] as const) {
      const at = { line: 1 }
      let found = ''
      for (let i = 0; i < text.length; i += size) {
        const chunk = Buffer.from(text.slice(i, i + size))
        const { from, to } = cutLines(chunk, at, { first, last })
        found += chunk.subarray(from, to).toString()
      }
      t.equal(found, expected)
    }
  }
  t.equal(lineCount(Buffer.from(''), 0), 0)
  t.equal(lineCount(Buffer.from('a'), 0), 1)
  t.equal(lineCount(Buffer.from('a\n'), 1), 1)
  t.end()
})

t.test('numbers', async (t) => {
  t.equal(Buffer.from(await numberLines(Buffer.from('a\n\nc'), 9, 3)).toString(), '9\ta\n10\t\n11\tc')
  const text = 'line\n'.repeat(120_000)
  const expected = text.replaceAll(
    /^(?=l)/gm,
    (() => {
      let n = 0
      return () => `${++n}\t`
    })(),
  )
  t.ok(Buffer.from(await numberLines(Buffer.from(text), 1, 120_000)).toString() === expected)
  t.equal(numberingBytes(1, 0), 0)
  t.equal(numberingBytes(98, 5), 3 + 3 + 4 + 4 + 4)
})
