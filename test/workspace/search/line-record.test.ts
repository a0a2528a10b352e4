// Texts as they are shown, and columns in characters.

import t from 'tap'
import {
  charactersBefore,
  charactersInBytes,
  shownText,
  TEXT_BYTES,
} from '../../../src/workspace/search/line-record.ts'

t.test('S-04 a text is cut at 4 KiB between characters, its line end gone', async (t) => {
  t.strictSame(shownText('abc\r\n'), { text: 'abc' })
  t.strictSame(shownText('a\rb'), { text: 'a\rb' })
  const full = 'x'.repeat(TEXT_BYTES)
  t.strictSame(shownText(`${full}\n`), { text: full })
  t.strictSame(shownText(`${full}y`), { text: full, truncated: true })
  for (const char of ['ä', '€', '𝕏']) {
    const { text, truncated } = shownText(`x${char.repeat(3000)}`)
    t.equal(truncated, true)
    t.ok(Buffer.byteLength(text) <= TEXT_BYTES && Buffer.byteLength(text) > TEXT_BYTES - 4, char)
    t.notMatch(text, '\uFFFD')
  }
})

t.test('columns count characters', async (t) => {
  t.equal(charactersBefore('a𝕏b', 3), 2)
  t.equal(charactersBefore('a𝕏b', 4), 3)
  t.equal(charactersInBytes('aä€𝕏b', 10), 4)
  const long = 'a'.repeat(10_000)
  t.equal(charactersInBytes(long, 9999), 9999)
  t.equal(charactersInBytes(`ä${long}`, 10_001), 10_000)
})
