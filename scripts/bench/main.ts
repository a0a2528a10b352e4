// `npm run bench`: the figures of the design, each beside a floor measured in the same run, as a table whose
// rows say held or missed. `--only 1,3` runs some of them, `--json` prints the rows as JSON. A missed row is
// a result; the exit code is 1 only where something could not be measured.

import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { childStart } from './figures/child-start.ts'
import { contentSearch } from './figures/content-search.ts'
import { execLatency } from './figures/exec-latency.ts'
import { execOutput } from './figures/exec-output.ts'
import { listings } from './figures/listings.ts'
import { nameSearch } from './figures/name-search.ts'
import { requests } from './figures/requests.ts'
import { startUp } from './figures/start.ts'
import { terminalOutput } from './figures/terminal-output.ts'
import { underLoad } from './figures/under-load.ts'
import { watching } from './figures/watching.ts'
import { held, type Bench, type Figure, type Row } from './figure.ts'
import { killAll } from './processes.ts'
import { table, verdict } from './table.ts'
import { makeTree, type Tree } from './tree.ts'

/** Some have two parts. */
const FIGURES: Readonly<Record<string, readonly Figure[]>> = {
  1: [execLatency, childStart],
  2: [requests],
  3: [listings],
  4: [nameSearch],
  5: [contentSearch],
  6: [execOutput, terminalOutput],
  7: [watching],
  8: [startUp],
  9: [underLoad],
}

/** A figure that takes longer has hung: each takes 10 to 30 s on two cores. */
const DEADLINE_MS = 60_000

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, only: { type: 'string' } } })
const wanted = values.only?.split(',').map((name) => name.trim()) ?? Object.keys(FIGURES)

async function main(): Promise<number> {
  const unknown = wanted.filter((name) => FIGURES[name] === undefined)
  if (unknown.length > 0)
    throw new Error(`there is no figure ${unknown.join(', ')}; there are ${Object.keys(FIGURES).join(', ')}`)
  using trees = new DisposableStack()
  let tree: Tree | undefined
  const bench: Bench = {
    print: (line) => process.stderr.write(`bench: ${line}\n`),
    tree: () => (tree ??= trees.use(makeTree())),
  }
  const rows: Row[] = []
  let failures = 0
  for (const [name, figure] of wanted.flatMap((key) => (FIGURES[key] ?? []).map((part) => [key, part] as const))) {
    try {
      rows.push(...(await inTime(figure, bench)))
    } catch (error) {
      failures++
      bench.print(`figure ${name} could not be measured: ${error instanceof Error ? error.stack : String(error)}`)
      killAll()
    }
  }
  print(rows, failures)
  return failures === 0 ? 0 : 1
}

async function inTime(figure: Figure, bench: Bench): Promise<Row[]> {
  const { promise, reject } = Promise.withResolvers<Row[]>()
  const timer = setTimeout(() => reject(new Error(`it took longer than ${DEADLINE_MS / 1000} s`)), DEADLINE_MS)
  try {
    return await Promise.race([figure(bench), promise])
  } finally {
    clearTimeout(timer)
  }
}

function print(rows: readonly Row[], failures: number): void {
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`
  if (values.json) {
    console.log(JSON.stringify({ machine, failures, rows: rows.map((row) => ({ ...row, held: held(row) })) }, null, 2))
    return
  }
  console.log(`${machine}\n\n${table(rows)}\n\n${verdict(rows)}${failures === 0 ? '' : `, ${failures} figures failed`}`)
}

process.exit(await main())
