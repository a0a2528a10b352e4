// Long replies leave in pieces that join to exactly the JSON of the whole.

import t from 'tap'
import { jsonOf, JsonText } from '../../../../src/base/json-text.ts'
import { escaped, JsonAsText, wirePieces } from '../../../../src/transports/mcp/protocol/wire.ts'

function join(pieces: Iterable<string | Uint8Array>): string {
  return Buffer.concat([...pieces].map((piece) => Buffer.from(piece))).toString()
}

const VALUES = {
  plain: { success: true, count: 0, name: 'x', nothing: undefined },
  'quotes and controls': { text: '"\\\n\u0000\u2028\u2029\u007f' },
  'a long string of pairs': { text: `x${'\u{1f600}'.repeat(100_000)}` },
  'lone surrogates': { text: `${'\ud800'.repeat(70_000)}\udc00` },
  'a long listing': { entries: Array.from({ length: 20_000 }, (_, i) => ({ name: `é${i}`, deep: [i, null] })) },
}

for (const [name, value] of Object.entries(VALUES)) {
  t.test(`the text of ${name} is its JSON`, (t) => {
    const reply = {
      jsonrpc: '2.0',
      id: 1,
      result: { content: [{ type: 'text', text: new JsonAsText(value) }], structuredContent: value },
    }
    const plain = {
      ...reply,
      result: { content: [{ type: 'text', text: jsonOf(value) }], structuredContent: value },
    }
    const sent = join(wirePieces(reply))
    t.equal(sent === jsonOf(plain), true)
    t.notMatch(sent, /[\u2028\u2029]/)
    t.same(JSON.parse(sent), JSON.parse(JSON.stringify(plain)))
    t.end()
  })
}

t.test('rendered bytes are decoded across their borders, in pieces of bounded size', (t) => {
  const entries = Array.from({ length: 9000 }, (_, i) => `/größe/\u{1f600}/${i}`)
  const bytes = Buffer.from(JSON.stringify(entries))
  for (const size of [1, 7, 4096, bytes.length]) {
    const chunks: Uint8Array[] = []
    for (let i = 0; i < bytes.length; i += size) chunks.push(bytes.subarray(i, i + size))
    const body = { success: true, entries: new JsonText<string[]>(chunks), count: entries.length }
    const whole = JSON.stringify({ success: true, entries, count: entries.length })
    const sent = JSON.parse(
      join(wirePieces({ result: { content: [{ text: new JsonAsText(body) }], structuredContent: body } })),
    )
    t.equal(sent.result.content[0].text === whole, true)
    t.equal(JSON.stringify(sent.result.structuredContent) === whole, true)
  }
  const longest = Math.max(...[...escaped(['x'.repeat(5_000_000)])].map((piece) => piece.length))
  t.ok(longest <= 70_000, `longest piece ${longest}`)
  t.end()
})
