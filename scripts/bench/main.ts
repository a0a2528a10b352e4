// `npm run bench`: the figures, each beside a floor measured in the same run, as a table whose rows say held or missed,
// and the alternatives for a user that the machine has. A missed row is a result; the exit code is 1 only if a part
// could not be measured. `--help` tells the options.

import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chart } from './chart.ts'
import { compare } from './comparing.ts'
import type { Bench, Figure, Row } from './figure.ts'
import { deadlineOf, FIGURES, ON_DEMAND } from './figures/all.ts'
import { grow } from './growing.ts'
import { killAll } from './processes.ts'
import { asJson, asPage, asText, type Report } from './report.ts'
import { ROOT } from './subject.ts'
import { makeTree, type Tree } from './tree.ts'

const HELP = `npm run bench -- [options]
  --only 1,3        these parts alone: figures 1 to 10, exec-long (100,000 commands), peers, growth, none
  --with-peers      install alternatives from the npm registry for this run, outside the project
  --peers <dir>     where those are kept, or found from a run before; a temporary directory unless given
  --growth          also how cost grows, up to 1,000,000 files: takes 10 to 20 minutes
  --json            print everything as JSON
  --out <dir>       write bench.md and bench.svg there; a whole run writes them into docs
  --quick           small sizes and counts: to see that everything runs, not to measure`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    'with-peers': { type: 'boolean', default: false },
    peers: { type: 'string' },
    growth: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const PARTS = { ...FIGURES, ...ON_DEMAND }
/** Further words that --only may name. */
const OTHERS = ['peers', 'growth', 'none']
const named = values.only?.split(',').map((name) => name.trim())
const wanted = named ?? [...Object.keys(FIGURES), 'peers']

async function main(): Promise<number> {
  const known = [...Object.keys(PARTS), ...OTHERS]
  const unknown = wanted.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; there are ${known.join(', ')}`)
  using trees = new DisposableStack()
  let tree: Tree | undefined
  const bench: Bench = {
    print: (line) => process.stderr.write(`bench: ${line}\n`),
    quick: values.quick,
    tree: () => (tree ??= trees.use(makeTree())),
  }
  const report = await measure(bench)
  console.log(values.json ? asJson(report) : asText(report))
  const out = values.out ?? (named === undefined && !values.quick ? join(ROOT, 'docs') : undefined)
  if (out !== undefined) save(report, out)
  return report.failures === 0 ? 0 : 1
}

async function measure(bench: Bench): Promise<Report> {
  const { rows, failures } = await figures(bench)
  const compared = wanted.includes('peers')
  const options = { install: values['with-peers'], directory: values.peers }
  const comparing = compared ? await compare(bench, options) : undefined
  const grown = values.growth || wanted.includes('growth') ? await grow(bench) : undefined
  return {
    machine: `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`,
    date: new Date().toISOString().slice(0, 10),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    failures: failures + (grown?.failures ?? 0),
    rows,
    ...(comparing === undefined ? {} : { comparing }),
    ...(grown === undefined ? {} : { growth: grown.rows }),
  }
}

async function figures(bench: Bench): Promise<{ rows: Row[]; failures: number }> {
  const rows: Row[] = []
  let failures = 0
  for (const [name, figure] of wanted.flatMap((key) => (PARTS[key] ?? []).map((part) => [key, part] as const))) {
    try {
      rows.push(...(await inTime(figure, bench)))
    } catch (error) {
      failures++
      bench.print(`figure ${name} could not be measured: ${error instanceof Error ? error.stack : String(error)}`)
      killAll()
    }
  }
  return { rows, failures }
}

async function inTime(figure: Figure, bench: Bench): Promise<Row[]> {
  const { promise, reject } = Promise.withResolvers<Row[]>()
  const ms = deadlineOf(figure)
  const timer = setTimeout(() => reject(new Error(`it took longer than ${ms / 1000} s`)), ms)
  try {
    return await Promise.race([figure(bench), promise])
  } finally {
    clearTimeout(timer)
  }
}

function save(report: Report, directory: string): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'bench.svg'), chart(report))
  writeFileSync(join(directory, 'bench.md'), asPage(report, 'bench.svg'))
}

if (values.help) console.log(HELP)
else process.exit(await main())
