// The fuzzers of `npm run fuzz`, each with few cases: nothing ends or blocks the daemon, nothing is a failure of
// ours. Other cases with FUZZ_SEED, more with FUZZ_COUNT; memory is judged in the long runs only.

import t, { type Test } from 'tap'
import { report } from '../../scripts/fuzz/report.ts'
import { FUZZERS, runFuzzer, type FuzzerName } from '../../scripts/fuzz/run.ts'
import { openSandbox, type Sandbox } from '../../scripts/fuzz/subject.ts'

const seed = Number(process.env['FUZZ_SEED'] ?? 20261120)
const count = Number(process.env['FUZZ_COUNT'] ?? 2000)

/** An answer that shows that cases got as far as the operations. */
const FAR: Readonly<Record<FuzzerName, string>> = {
  http: '200',
  frames: 'taken',
  'json-rpc': '200',
  tar: 'unpacked',
  query: '200',
}

let sandbox: Sandbox
t.before(() => {
  sandbox = openSandbox()
})
t.after(() => sandbox[Symbol.asyncDispose]())

async function holds(t: Test, name: FuzzerName): Promise<void> {
  const [outcome, ...others] = await runFuzzer(name, { seed, from: 0, count }, sandbox)
  for (const one of [outcome, ...others]) {
    if (one === undefined) continue
    t.comment(report(one))
    t.same(one.problems, [], one.name)
  }
  const { answers = new Map<string, number>(), authenticated = 0 } = outcome?.tally ?? {}
  t.ok((answers.get(FAR[name]) ?? 0) > count / 50, 'many came through')
  if (name !== 'tar') t.ok(authenticated > count / 2, 'most had the token')
}

for (const name of FUZZERS) t.test(`H-15 ${name}, reduced`, (t) => holds(t, name))
