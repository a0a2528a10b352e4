// npm run fuzz: a million cases of each kind against a daemon that must go on answering (H-15): HTTP requests,
// WebSocket frames, JSON-RPC bodies, tar headers, query strings. Each case is made from the seed and its number.
// `--only http,tar` runs some of them, `--count N` as many of each, `--seed N` others, `--at I` one case alone, shown
// with its answer; `--json` prints for machines. Exit code 1 if a check failed.

import { parseArgs } from 'node:util'
import { replay } from './fuzz/replay.ts'
import { asJson, report } from './fuzz/report.ts'
import { FUZZERS, runFuzzer, type FuzzerName } from './fuzz/run.ts'
import { openSandbox } from './fuzz/subject.ts'
import type { Outcome } from './fuzz/tally.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '20261121' },
    count: { type: 'string', default: '1000000' },
    only: { type: 'string', default: FUZZERS.join(',') },
    at: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new Error(`--${name} ${text} is no whole number`)
  return value
}

function chosen(): FuzzerName[] {
  return values.only.split(',').map((name) => {
    const found = FUZZERS.find((one) => one === name)
    if (found === undefined) throw new Error(`there is no fuzzer ${name}; there are ${FUZZERS.join(', ')}`)
    return found
  })
}

async function main(): Promise<number> {
  const names = chosen()
  const seed = wholeNumber('seed', values.seed)
  const count = wholeNumber('count', values.count)
  await using sandbox = openSandbox()
  if (values.at !== undefined) {
    const index = wholeNumber('at', values.at)
    for (const name of names) console.log(await replay(name, { seed, from: index, count: 1 }, sandbox))
    return 0
  }
  const outcomes: Outcome[] = []
  const say = (line: string): void => (values.json ? console.error(line) : console.log(line))
  say(`fuzz: seed ${seed}, ${count} cases each; replay one with --seed ${seed} --only NAME --at NUMBER`)
  for (const name of names) {
    for (const outcome of await runFuzzer(name, { seed, from: 0, count }, sandbox)) {
      outcomes.push(outcome)
      say(report(outcome))
    }
  }
  if (values.json) console.log(asJson(seed, outcomes))
  const failed = outcomes.filter((one) => one.problems.length > 0).length
  say(`fuzz: ${outcomes.length - failed} held, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

// subject.ts ends its processes at the exit.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

process.exitCode = await main()
