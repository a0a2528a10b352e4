// Content blocks as a tool result: unchanged, or cut or named if they are too long for one message.

import t from 'tap'
import { Blocks } from '../../../../src/operation.ts'
import { budgetOf, USUAL_BUDGET } from '../../../../src/transports/mcp/protocol/budget.ts'
import { blocksResult } from '../../../../src/transports/mcp/text/blocks.ts'

const CALL = { format: 'json', structured: true, budget: USUAL_BUDGET } as const
const IMAGE = { type: 'image', data: 'aGVsbG8=', mimeType: 'image/png', annotations: { audience: ['user'] } }
const LINK = { type: 'resource_link', uri: 'file:///a', name: 'a' }
const text = (words: string) => ({ type: 'text', text: words })

t.test('blocks are handed on as they are, with the structured content and the failure of the tool', async (t) => {
  const answer = new Blocks([text('one'), text(''), IMAGE, LINK], { structured: { one: 1 }, failed: true })
  t.same(blocksResult(answer, CALL), {
    content: [text('one'), IMAGE, LINK],
    structuredContent: { one: 1 },
    isError: true,
  })
  t.same(blocksResult(answer, { ...CALL, format: 'text' }), { content: [text('one'), IMAGE, LINK], isError: true })
  t.same(blocksResult(answer, { ...CALL, structured: false }).structuredContent, undefined)
})

t.test('what is too long is cut or named, and the message stays within its budget', async (t) => {
  const long = new Blocks([text('"'.repeat(1_000_000)), { ...IMAGE, data: 'A'.repeat(1_000_000) }, text('last')], {
    structured: { all: 'x'.repeat(1_000_000) },
  })
  const result = blocksResult(long, CALL)
  t.match(result.content[0], { text: /"\n\[cut: [\d,]+ of 1,000,000 characters\]$/ })
  t.match(result.content[1], { type: 'text', text: /part of the type image with 1,000,\d+ bytes is too large/ })
  t.same(result.content[2], text('last'))
  t.equal(result.structuredContent, undefined)
  t.ok(Buffer.byteLength(JSON.stringify(result)) < USUAL_BUDGET.message)
  const many = blocksResult(new Blocks(Array.from({ length: 100 }, () => text('y'.repeat(20_000)))), CALL)
  t.ok(Buffer.byteLength(JSON.stringify(many)) < USUAL_BUDGET.message)
  t.match(many.content.at(-1), { text: /(cut|more parts)/ })
  const short = blocksResult(new Blocks([text('z'.repeat(50_000))]), { ...CALL, format: 'text' })
  t.ok(JSON.stringify(short).length < 41_000)
  const wide = blocksResult(new Blocks([{ ...IMAGE, data: 'A'.repeat(1_000_000) }]), {
    ...CALL,
    budget: budgetOf(2_000_000),
  })
  t.equal(wide.content[0]?.['mimeType'], 'image/png')
})
