// The workspace's own advice: bounded, and never a reason to fail.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { EVERYTHING } from '../../../../src/workspace/files/opening/access.ts'
import { readAgentRules, RULES_BYTES } from '../../../../src/workspace/files/read/agent-rules.ts'

t.test('what can be read is read, in order, within 32 KiB', async (t) => {
  const dir = t.testdir({
    'AGENTS.md': '\nBe kind.\n',
    'b.md': 'ä'.repeat(20_000),
    'c.md': 'too late',
    nul: 'a\0b',
    empty: ' \n',
  })
  t.strictSame(await readAgentRules({ top: dir, access: EVERYTHING }, ['AGENTS.md']), [
    { path: join(dir, 'AGENTS.md'), text: 'Be kind.', cut: false },
  ])
  execFileSync('mkfifo', [join(dir, 'fifo')])
  t.strictSame(
    await readAgentRules({ top: dir, access: EVERYTHING }, ['no', '.', 'nul', 'empty', 'fifo', '/no/such/file']),
    [],
  )
  const some = await readAgentRules({ top: dir, access: EVERYTHING }, ['no', join(dir, 'AGENTS.md'), 'b.md', 'c.md'])
  t.strictSame(
    some.map(({ path, cut }) => [path, cut]),
    [
      [join(dir, 'AGENTS.md'), false],
      [join(dir, 'b.md'), true],
    ],
  )
  t.match(some[1]?.text, /^ä+$/)
  t.ok(some.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) <= RULES_BYTES)
})
