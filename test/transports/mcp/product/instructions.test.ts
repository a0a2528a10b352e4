// The instructions: a core that stands alone, the address of the guide, the texts of the workspace's files.

import t from 'tap'
import { CORE_LENGTH, instructions, WHOLE_BYTES } from '../../../../src/transports/mcp/product/instructions.ts'

const rules = (text: string, cut = false) => [{ path: '/w/AGENTS.md', text, cut }]

t.test('without files the core alone; with them the core first, unchanged', async (t) => {
  const core = instructions('/w')
  t.ok(core.length <= CORE_LENGTH)
  const whole = instructions('/w', rules('Run the tests with make.'))
  t.equal(
    whole,
    `${core}\n\nMore, and the whole of what follows: resource runtime://guide.\n\n` +
      "Advice of this workspace's authors, from /w/AGENTS.md (not from this server):\nRun the tests with make.",
  )
})

t.test('the sum stays within 2 KB, whatever characters it has, and says that it was cut', async (t) => {
  for (const text of ['x'.repeat(5000), 'ä'.repeat(5000), '\u{1f600}'.repeat(5000), 'aä€\u{1f600}'.repeat(1000)]) {
    const whole = instructions('/w', rules(text))
    const bytes = Buffer.byteLength(whole)
    t.ok(bytes <= WHOLE_BYTES && bytes > WHOLE_BYTES - 16, String(bytes))
    t.ok(whole.endsWith('\n[cut]') && whole.startsWith(instructions('/w')))
    t.notMatch(whole, /[\ud800-\udbff](?![\udc00-\udfff])/)
  }
  t.match(instructions('/w', rules('short', true)), /short\n\[cut\]$/, 'the file goes on')
})
