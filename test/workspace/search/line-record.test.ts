// Texts as they are shown, and columns in characters.

import t from 'tap'
import {
  charactersBefore,
  unitsInBytes,
  shownLine,
  cutText,
  TEXT_BYTES,
} from '../../../src/workspace/search/line-record.ts'

t.test('S-04 a text is cut at 4 KiB between characters, its line end gone', async (t) => {
  t.strictSame(cutText('abc\r\n'), { text: 'abc' })
  t.strictSame(cutText('a\rb'), { text: 'a\rb' })
  const full = 'x'.repeat(TEXT_BYTES)
  t.strictSame(cutText(`${full}\n`), { text: full })
  t.strictSame(cutText(`${full}y`), { text: full, truncated: true })
  for (const char of ['ä', '€', '𝕏']) {
    const { text, truncated } = cutText(`x${char.repeat(3000)}`)
    t.equal(truncated, true)
    t.ok(Buffer.byteLength(text) <= TEXT_BYTES && Buffer.byteLength(text) > TEXT_BYTES - 4, char)
    t.notMatch(text, '\uFFFD')
  }
})

t.test('columns count characters', async (t) => {
  t.equal(charactersBefore('a𝕏b', 3), 2)
  t.equal(charactersBefore('a𝕏b', 4), 3)
  t.equal(unitsInBytes('aä€𝕏b', 10), 5)
  const long = 'a'.repeat(10_000)
  t.equal(unitsInBytes(long, 9999), 9999)
  t.equal(unitsInBytes(`ä${long}`, 10_001), 10_000)
})

t.test('of a long line the part that holds the match is shown', async (t) => {
  const shown = (before: string, behind = 'y'.repeat(5000)) => {
    const line = `${before}needle${behind}\n`
    return shownLine(line, { start: before.length, end: before.length + 6 })
  }
  t.match(shown('x'.repeat(100)), { truncated: true, column: 101, textColumn: undefined })
  for (const before of [
    'x'.repeat(4092),
    'x'.repeat(100_000),
    'ä'.repeat(3000),
    '𝕏'.repeat(50_000),
    `x${'𝕏'.repeat(9999)}`,
  ]) {
    const { text, column, textColumn = 0, truncated } = shown(before)
    t.equal(truncated, true)
    t.equal(column, Array.from(before).length + 1)
    t.equal(
      Array.from(text)
        .slice((column ?? 0) - textColumn)
        .join('')
        .slice(0, 6),
      'needle',
    )
    t.ok(Buffer.byteLength(text) <= TEXT_BYTES)
    t.ok(text.isWellFormed())
  }
  t.match(shown('x'.repeat(9000), ''), { text: `${'x'.repeat(200)}needle`, truncated: true })
})
