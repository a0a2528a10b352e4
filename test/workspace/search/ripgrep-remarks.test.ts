// What ripgrep says on stderr, in every way it can be cut.

import t from 'tap'
import { RipgrepRemarks } from '../../../src/workspace/search/ripgrep-remarks.ts'

const SAID = [
  'rg: DEBUG|rg::flags::parse|crates/core/flags/parse.rs:97: no extra arguments found from configuration file',
  'rg: DEBUG|ignore::gitignore|crates/ignore/src/gitignore.rs:398: opened gitignore file: ./a b/.gitignore',
  'rg: DEBUG|ignore::walk|crates/ignore/src/walk.rs:1942: ignoring ./x.o: Ignore(IgnoreMatch(Gitignore(Glob { })))',
  'rg: ./closed: Permission denied (os error 13)',
  'rg: DEBUG|grep_printer::json|/x/json.rs:792: ignoring late.log: found binary data at offset 108890',
].join('\n')

t.test('rule files, files left at a NUL byte, and what is no debugging', async (t) => {
  const bytes = Buffer.from(`${SAID}\n`)
  for (const size of [1, 7, 100, 10_000]) {
    const remarks = new RipgrepRemarks()
    for (let at = 0; at < bytes.length; at += size) remarks.take(bytes.subarray(at, at + size))
    t.strictSame(remarks.ruleFiles, ['./a b/.gitignore'])
    t.strictSame([...remarks.binaries], [['late.log', 108_890]])
    t.equal(remarks.skipped, 1)
    t.equal(remarks.said, 'rg: ./closed: Permission denied (os error 13)')
  }
})

t.test('no more is kept than has a use', async (t) => {
  const remarks = new RipgrepRemarks()
  for (let i = 0; i < 3000; i++) remarks.take(Buffer.from(`rg: ./${'x'.repeat(100)}${i}: Permission denied\n`))
  t.equal(remarks.cut, true)
  t.ok(remarks.said.length <= 64 * 1024)
  remarks.take(Buffer.alloc(1024 * 1024, 'x'))
  remarks.take(Buffer.from('\nrg: DEBUG|ignore::gitignore|x.rs:1: opened gitignore file: ./.gitignore\n'))
  t.equal(remarks.ruleFiles.length, 1)
})
