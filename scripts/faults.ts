// npm run faults: twenty clients work with one daemon while clients and daemon are killed, the daemon is stopped, its
// clock moved, its disk filled and its descriptors taken. A history records requests and answers, and an offline
// checker proves the promises from that alone. The last line says `violations: N`; the exit code is 0 only if N is 0. A
// seed repeats the decisions, not their moments: it repeats the kind of run, not the run.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from './faults/checker.ts'
import { readHistory } from './faults/history.ts'
import { readOptions } from './faults/options.ts'
import { runFaults } from './faults/run.ts'
import { report, summarize } from './faults/summary.ts'

const options = readOptions(process.argv.slice(2))
const kept = options.history ?? options.check
const directory = kept === undefined ? mkdtempSync(join(tmpdir(), 'faults-history-')) : undefined
const path = kept ?? join(directory ?? '', 'history.jsonl')

if (options.check === undefined) {
  if (!options.json) console.log(`faults: seed ${options.seed}, ${options.minutes} min`)
  await runFaults({ seed: options.seed, minutes: options.minutes, history: path })
}
const history = readHistory(path)
const violations = check(history)
const summary = summarize(history, violations)
if (options.json) console.log(JSON.stringify({ ...summary, found: violations }, undefined, 2))
else console.log(report(summary, violations))
if (violations.length > 0) {
  console.error(`faults: the history is kept: ${path}; it is checked again by npm run faults -- --check ${path}`)
  process.exitCode = 1
} else if (directory !== undefined) rmSync(directory, { recursive: true })
