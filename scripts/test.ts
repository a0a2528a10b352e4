// Runs tests: `npm test` the quick suite, `npm run test:slow` the slow one (suites.ts), `npm test -- FILE…` files of
// either, `-- --all` both. Prints a line for each file, the diagnosis of each failure, the rows of guarantees.md that
// passed and that were skipped, and last `N passed, N failed, N skipped` over all. Only tests that test/skips.json
// names may be skipped, each with the capability that is lacking. A process that outlives the tests is a failure, and
// is killed; so is every process after LIMIT_MS, which grows with the load.

import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { mendQueue } from './queued-events.ts'
import { runFiles } from './run-file.ts'
import { QuietTime, slowness } from './slowness.ts'
import { type Suite, suitesFor, testFiles } from './suites.ts'
import { type FileResult, rowsOf, type TestResult } from './tap-results.ts'

const ROOT = join(import.meta.dirname, '..')
/** Longest time of a suite on a quiet machine. Coverage takes longer (scripts/coverage.ts). */
const LIMIT_MS = { quick: 12 * 60_000, slow: 30 * 60_000 }
const coverage = process.env['NODE_V8_COVERAGE'] !== undefined
const COVERAGE_FACTOR = coverage ? 3 : 1
/** Time between two looks at the load. */
const LOOK_MS = 5_000
/** Time, on a quiet machine, until processes that the tests started must be gone. */
const GONE_MS = 5_000

/** Keeps the compiled code of tap and of the sources: most of a short file's time is their compilation. */
const COMPILED = coverage ? {} : { NODE_COMPILE_CACHE: join(ROOT, '.tap/compile-cache') }

/** Variable in the environment of every process of this run, by which survivors are found. */
const MARK = `WORKSPACE_TESTS_RUN=${randomUUID()}`

function allowedSkips(): Readonly<Record<string, string>> {
  const file = join(ROOT, 'test/skips.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {} // our own file
}

/** Returns the living processes of this run, except this one. */
function leftAlive(): { pid: number; command: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(MARK)) return []
      return [{ pid, command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }]
    } catch {
      return [] // gone meanwhile, or not ours to look at
    }
  })
}

function killAll(): void {
  for (const { pid } of leftAlive()) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone meanwhile
    }
  }
}

/** Waits for the run's processes to go; those that do not are killed and named. */
async function survivors(): Promise<string[]> {
  const began = performance.now()
  while (leftAlive().length > 0 && performance.now() - began < GONE_MS * slowness()) await sleep(100)
  const left = leftAlive()
  killAll()
  return left.map(({ pid, command }) => `process ${pid} was left alive: ${command}`)
}

/** Runs a suite. Returns what went wrong beside its tests. */
async function runSuite({ name: suite, files, jobs }: Suite, onFile: (file: FileResult) => void): Promise<string[]> {
  const [name, value] = MARK.split('=') as [string, string]
  // The doors are tested on the executable, which `npm test` has built (test/support/daemon.ts).
  const env = { RUNTIME_UNDER_TEST: 'dist/workspace-runtime', ...COMPILED, ...process.env, [name]: value }
  const problems: string[] = []
  const stop = new AbortController()
  const end = (why: string): void => {
    problems.push(why)
    stop.abort()
    killAll()
  }
  const limit = new QuietTime(LIMIT_MS[suite] * COVERAGE_FACTOR)
  const looking = setInterval(() => {
    if (stop.signal.aborted || !limit.spend(LOOK_MS)) return
    end(`the ${suite} tests took longer than ${LIMIT_MS[suite] / 60_000} quiet minutes and were killed`)
  }, LOOK_MS)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end(`stopped by ${signal}`))
  const runs = files.map((file) => ({ root: ROOT, file, env }))
  await runFiles(runs, jobs, onFile, stop.signal)
  clearInterval(looking)
  return problems
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '    ')
}

function printFile(file: FileResult): void {
  const count = (outcome: TestResult['outcome']) => file.tests.filter((test) => test.outcome === outcome).length
  const skipped = count('skipped') > 0 ? `, ${count('skipped')} skipped` : ''
  const seconds = (file.time / 1000).toFixed(1)
  console.log(`${file.ok ? 'ok    ' : 'NOT OK'} ${file.file}  ${count('passed')} passed${skipped}, ${seconds} s`)
  for (const test of file.tests) {
    if (test.outcome === 'failed') console.log(`  FAILED ${test.name}\n${indented(test.detail)}`)
  }
  if (!file.ok && count('failed') === 0) console.log(indented(file.diagnosis))
}

/** A row is skipped if any test of it was, and has passed if all did. */
function printRows(tests: readonly TestResult[], allowed: Readonly<Record<string, string>>): void {
  const outcomes = new Map<string, Set<TestResult['outcome']>>()
  for (const test of tests) {
    for (const row of rowsOf(test.name)) {
      outcomes.set(row, (outcomes.get(row) ?? new Set<TestResult['outcome']>()).add(test.outcome))
    }
  }
  const rows = [...outcomes.keys()].toSorted()
  const passed = rows.filter((row) => outcomes.get(row)?.size === 1 && outcomes.get(row)?.has('passed'))
  const skipped = rows.filter((row) => outcomes.get(row)?.has('skipped'))
  console.log(`\ncatalogue rows passed (${passed.length}): ${passed.join(' ')}`)
  console.log(`catalogue rows skipped (${skipped.length})${skipped.length > 0 ? ':' : ''}`)
  for (const row of skipped) console.log(`  ${row}: ${allowed[row] ?? 'not allowed by test/skips.json'}`)
  for (const { name, outcome } of tests) {
    if (outcome === 'skipped' && Object.hasOwn(allowed, name)) console.log(`skipped: ${name}: ${allowed[name]}`)
  }
}

function chosenSuites(): Suite[] {
  try {
    return suitesFor(process.argv.slice(2), testFiles(ROOT))
  } catch (error) {
    console.error(`test: ${(error as Error).message}`) // suitesFor's own
    process.exit(2)
  }
}

mendQueue()
const allowed = allowedSkips()
const mayBeSkipped = ({ name }: TestResult) => [name, ...rowsOf(name)].some((key) => Object.hasOwn(allowed, key))
const files: FileResult[] = []
const problems: string[] = []
for (const suite of chosenSuites()) {
  console.log(`${suite.name} tests: ${suite.files.length} files, ${suite.jobs} at a time`)
  const began = performance.now()
  const onFile = (file: FileResult) => {
    files.push(file)
    printFile(file)
  }
  problems.push(...(await runSuite(suite, onFile)), ...(await survivors()))
  console.log(`${suite.name} tests took ${((performance.now() - began) / 1000).toFixed(0)} s`)
}

const tests = files.flatMap((file) => file.tests)
const barred = tests.filter((test) => test.outcome === 'skipped' && !mayBeSkipped(test))
for (const test of barred) console.log(`FAILED ${test.file}: ${test.name} was skipped (${test.detail})`)
const wholeFiles = files.filter((file) => !file.ok && file.tests.every((test) => test.outcome !== 'failed'))
if (tests.length === 0) problems.push('no test has run')
const told = barred.length + wholeFiles.length + tests.filter((test) => test.outcome === 'failed').length
for (const problem of problems) console.log(`FAILED ${problem}`)
printRows(tests, allowed)

const passed = tests.filter((test) => test.outcome === 'passed').length
const skipped = tests.filter((test) => test.outcome === 'skipped').length - barred.length
const failed = told + problems.length
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed === 0 ? 0 : 1
