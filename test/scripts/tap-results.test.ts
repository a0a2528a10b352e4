// The reader of TAP behind `npm test`: what passed, failed and was skipped, and which rows a name carries.

import t from 'tap'
import { type FileResult, rowsOf, TapResults } from '../../scripts/tap-results.ts'

function read(tap: string): FileResult[] {
  const files: FileResult[] = []
  const results = new TapResults((file) => files.push(file))
  for (const line of tap.split('\n')) results.line(line)
  results.end()
  return files
}

const TAP = `TAP version 14
# Subtest: test/a.test.ts
    # Subtest: A-01 good
        ok 1 - fine
        1..1
    ok 1 - A-01 good # time=1.5ms
    
    # Subtest: bad
        not ok 1 - one is two
          ---
          diff: |
            ok 9 - not a point
            not ok 10 - nor this
          ...
        
        ok 2 - left out # SKIP no capability
        1..2
    not ok 2 - bad # time=2ms
      ---
      at: line 3
      ...
    
    ok 3 - E-01 skipped # SKIP no such kernel
    ok 4 - later # TODO
    not ok 5 - bare \\# assertion
      ---
      found: 3
      ...
    
    1..5
not ok 1 - test/a.test.ts # time=12.25ms
  ---
  exitCode: 1
  ...

not ok 2 - test/b.test.ts # time=1ms
  ---
  signal: SIGSEGV
  ...
`

t.test('each named test has its outcome, and a failure its diagnosis', async (t) => {
  const [a, b] = read(TAP)
  t.match(a, { file: 'test/a.test.ts', ok: false, time: 12.25, diagnosis: 'exitCode: 1' })
  t.same(
    a?.tests.map(({ name, outcome }) => [name, outcome]),
    [
      ['A-01 good', 'passed'],
      ['left out', 'skipped'],
      ['bad', 'failed'],
      ['E-01 skipped', 'skipped'],
      ['later', 'failed'],
      ['bare # assertion', 'failed'],
    ],
  )
  const detail = (name: string) => a?.tests.find((test) => test.name === name)?.detail
  t.equal(detail('bad'), 'one is two\ndiff: |\n  ok 9 - not a point\n  not ok 10 - nor this')
  t.equal(detail('E-01 skipped'), 'no such kernel')
  t.equal(detail('bare # assertion'), 'bare # assertion\nfound: 3')
  t.match(b, { file: 'test/b.test.ts', ok: false, tests: [], diagnosis: 'signal: SIGSEGV' })
})

t.test('rows are read from the beginning of a name alone', async (t) => {
  for (const [name, rows] of [
    ['E-01 a command', ['E-01']],
    ['E-01, E-14: both', ['E-01', 'E-14']],
    ['A-02 and A-03 of a kind', ['A-02', 'A-03']],
    ['F-01/F-02 text', ['F-01', 'F-02']],
    ['H-03', ['H-03']],
    ['like E-01', []],
    ['UTF-8 text', []],
  ] as const) {
    t.same(rowsOf(name), rows, name)
  }
})

t.test('a test that finds out inside that it cannot run is skipped, by its own name', async (t) => {
  const [file] = read(`# Subtest: test/a.test.ts
    # Subtest: born in a group
        ok 1 - needs a capability # SKIP no such kernel
        1..1
    ok 1 - born in a group # time=1ms
    1..1
ok 1 - test/a.test.ts # time=1ms
`)
  t.match(file?.tests, [{ name: 'born in a group', outcome: 'skipped', detail: 'no such kernel' }])
  t.equal(file?.tests.length, 1)
})
