// npm run conformance: the public MCP suite, in two versions, against the protocol engine with the fixture and against
// the product itself. The fixture passes every scenario; the product passes every scenario that names no part of the
// fixture, and the others are listed. The Inspector's command line and a command of 70 s through each public client run
// beside it. The last line is `N passed, N failed`.

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBearerProxy } from './conformance/bearer-proxy.ts'
import { FIXTURE_ONLY, STATELESS_FIXTURE_CHECKS } from './conformance/fixture-only.ts'
import { inspect } from './conformance/inspector.ts'
import { longCalls } from './conformance/long-calls.ts'
import { failedChecks, PACKAGE, runSet, SETS, type Run } from './conformance/suite.ts'
import { startConformanceServer } from '../test/support/conformance-server.ts'
import { startDaemon, TOKEN } from '../test/support/daemon.ts'

/** Checks that the installed packages are those that the lock file names. */
async function install(): Promise<void> {
  const installed = join(PACKAGE, 'node_modules/.package-lock.json')
  if (existsSync(installed) && sameVersions(installed, join(PACKAGE, 'package-lock.json'))) return
  const child = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: PACKAGE, stdio: 'inherit' })
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  if (code !== 0) throw new Error(`npm ci in ${PACKAGE} ended with ${String(code)}`)
}

function sameVersions(a: string, b: string): boolean {
  const versions = (file: string): string => {
    const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, { version?: string }> } // npm's form
    const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
    return packages
      .map(([path, { version }]) => `${path} ${version}`)
      .toSorted((x, y) => (x < y ? -1 : 1))
      .join('\n')
  }
  return versions(a) === versions(b)
}

let passed = 0
const failures: string[] = []

function judge(what: string, ok: boolean, detail = ''): void {
  if (ok) passed++
  else failures.push(`${what}${detail === '' ? '' : `\n${detail.replaceAll(/^/gm, '    ')}`}`)
}

/** Returns the line of one scenario's result. */
function told(run: Run, scenario: string): string {
  const begin = run.output.indexOf(`=== Running scenario: ${scenario} ===`)
  const end = run.output.indexOf('=== Running scenario:', begin + 1)
  const part = begin < 0 ? '' : run.output.slice(begin, end < 0 ? undefined : end)
  const summary = run.output.split('\n').filter((line) => line.includes(` ${scenario}:`))
  return [...part.split('\n').slice(0, 30), ...summary].join('\n').trim()
}

async function fixture(url: string): Promise<void> {
  for (const set of SETS) {
    const run = await runSet(set, url)
    const good = [...run.scenarios.values()].filter(Boolean).length
    console.log(`fixture  ${set.title}: ${good} of ${run.scenarios.size} scenarios, ${run.checks} checks`)
    for (const [name, ok] of run.scenarios) judge(`fixture, ${set.title}: ${name}`, ok, ok ? '' : told(run, name))
    judge(`fixture, ${set.title}: the suite's own verdict`, run.exitCode === 0, `exit code ${run.exitCode}`)
  }
}

async function product(url: string): Promise<void> {
  const passedOnce = new Set<string>()
  const seen = new Set<string>()
  for (const set of SETS) {
    const run = await runSet(set, url)
    const needed = [...run.scenarios].filter(([name]) => !Object.hasOwn(FIXTURE_ONLY, name))
    const good = needed.filter(([, ok]) => ok).length
    const rest = run.scenarios.size - needed.length
    console.log(`product  ${set.title}: ${good} of ${needed.length} scenarios, ${rest} need the fixture`)
    for (const [name, ok] of needed) judge(`product, ${set.title}: ${name}`, ok, ok ? '' : told(run, name))
    for (const [name, ok] of run.scenarios) {
      seen.add(name)
      if (ok) passedOnce.add(name)
    }
  }
  const failed = await failedChecks('server-stateless', '2026-07-28', url)
  const expected = sameNames(failed, STATELESS_FIXTURE_CHECKS)
  judge('product, server-stateless: the checks of the fixture fail, and no others', expected, failed.join('\n'))
  for (const name of Object.keys(FIXTURE_ONLY)) {
    judge(
      `list of what needs the fixture: ${name}`,
      seen.has(name) && !passedOnce.has(name),
      'it passes, or is no scenario',
    )
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return [...a].toSorted((x, y) => (x < y ? -1 : 1)).join() === [...b].toSorted((x, y) => (x < y ? -1 : 1)).join()
}

const closing: (() => Promise<void>)[] = []
try {
  await install()
  await using proxy = await openBearerProxy(TOKEN)
  // The suite comes from the proxy's address, and its Origin must be one of ours.
  const config = { cors: { origins: proxy.origins } }
  const owner = { teardown: (close: () => Promise<void>) => closing.push(close) }
  const daemon = await startDaemon(owner, { config })
  proxy.target(daemon.port)
  await using server = await startConformanceServer()
  const long = longCalls(new URL('/mcp', daemon.url), TOKEN)
  long.catch(() => undefined) // it is awaited below, after the suite
  await fixture(server.url)
  await product(proxy.url)
  for (const { what, problem } of await inspect(new URL('/mcp', daemon.url), TOKEN)) {
    console.log(`${what}${problem === undefined ? '' : ': FAILED'}`)
    judge(what, problem === undefined, problem)
  }
  for (const { client, problem, notifications } of await long) {
    console.log(`${client}: a command of 70 s, ${notifications} notifications of progress`)
    judge(`${client}: a command of 70 s`, problem === undefined, problem)
  }
  judge('the daemon ends in order', (await daemon.stop()) === 0)
} finally {
  for (const close of closing) await close()
}
console.log('\nneed the fixture, so the product cannot pass them:')
for (const [name, reason] of Object.entries(FIXTURE_ONLY)) console.log(`  ${name}: ${reason}`)
for (const failure of failures) console.log(`FAILED ${failure}`)
console.log(`${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length === 0 ? 0 : 1
