// Program output as text: whole characters, honest flags, no long hold of the loop.

import t from 'tap'
import { JsonText } from '../../../src/base/json-text.ts'
import { outputText, shortText } from '../../../src/workspace/exec/output-text.ts'

const none = { front: false, back: false }

async function read(pieces: Buffer[], cut = none): Promise<{ text: string; lossy: boolean }> {
  const { text, lossy } = await outputText(pieces, cut)
  return { text: text instanceof JsonText ? JSON.parse(Buffer.concat(text.chunks).toString()) : text, lossy }
}

/** Cuts at every size from a fixed sequence, so that characters are split everywhere. */
function cutUp(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0, i = 0; at < bytes.byteLength; i++) {
    const size = [1, 2, 3, 5, 8, 13, 70_001, 4][i % 8] ?? 1
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

t.test('short and long output, cut anywhere, come out whole', async (t) => {
  for (const text of ['', 'plain', 'αβγ 漢字 😀', '"quoted"\n\t\\ \u0000\u001b[0m', '�']) {
    t.same(await read(cutUp(Buffer.from(text))), { text, lossy: false })
    const long = `${text}|`.repeat(Math.ceil(400_000 / (Buffer.byteLength(text) + 1)))
    t.same(await read(cutUp(Buffer.from(long))), { text: long, lossy: false })
  }
})

t.test('bytes that are not UTF-8 become U+FFFD, and are told', async (t) => {
  t.same(shortText([Buffer.from([0x61, 0xff, 0x62])], none), { text: 'a�b', lossy: true })
  t.same(shortText([Buffer.from([0x61, 0xf0, 0x9f])], none), { text: 'a�', lossy: true })
  const long = Buffer.alloc(500_000, 0x61)
  long[400_000] = 0x80
  const { text, lossy } = await read([long])
  t.same([text.length, text[400_000], lossy], [500_000, '�', true])
  const ending = await read([Buffer.concat([Buffer.alloc(300_000, 0x61), Buffer.from([0xe2, 0x82])])])
  t.same([ending.text.length, ending.lossy], [300_001, true])
})

t.test('a character cut by our own bound is left out and is no error', async (t) => {
  const euros = Buffer.from('€'.repeat(200_000))
  for (const start of [0, 1, 2, 3]) {
    for (const back of [0, 1, 2, 3]) {
      for (const size of [30, 300_000]) {
        const piece = euros.subarray(start, size - back)
        const { text, lossy } = await read([piece], { front: true, back: true })
        const whole = Math.floor((size - back) / 3) - Math.ceil(start / 3)
        t.same([text === '€'.repeat(whole), lossy], [true, false], `${start} ${back} ${size}`)
      }
    }
  }
})

t.test('16 MiB are rendered without holding the loop', async (t) => {
  let turns = 0
  const count = setInterval(() => turns++, 1)
  await outputText([Buffer.alloc(16 * 1024 * 1024, 0x79)], none)
  clearInterval(count)
  t.ok(turns > 1, `${turns} turns`)
})
