// One run of the public suite against one address: the scenarios that it has, and the result of each.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Path of the suite's own package, installed apart from the project's. */
export const PACKAGE = fileURLToPath(new URL('../../test/conformance', import.meta.url))
/** Time limit of a run: one takes a few seconds; one that hangs must not hang CI. */
const LIMIT_MS = 5 * 60_000

export interface ScenarioSet {
  readonly title: string
  /** Folder in node_modules that has the suite in this version. */
  readonly alias: 'conformance-stable' | 'conformance-next'
  readonly options: readonly string[]
  /** Revision whose frozen list says which scenarios count; undefined: all that run. */
  readonly revision?: string
}

export const SETS: readonly ScenarioSet[] = [
  { title: 'suite 0.1.16, active', alias: 'conformance-stable', options: ['--suite', 'active'] },
  ...['2025-11-25', '2026-07-28'].map((revision) => ({
    title: `suite 0.2.0-alpha.12, requirements of ${revision}`,
    alias: 'conformance-next' as const,
    options: ['--requirements', revision],
    revision,
  })),
]

export interface Run {
  /** Results by scenario; true: every check of it passed. */
  readonly scenarios: ReadonlyMap<string, boolean>
  readonly checks: number
  readonly exitCode: number
  readonly output: string
}

export async function runSet(set: ScenarioSet, url: string): Promise<Run> {
  const { exitCode, output } = await runSuite(set, url)
  const summary = output.slice(output.lastIndexOf('=== SUMMARY ==='))
  const lines = [...summary.matchAll(/^([✓✗]) ([\w-]+): (\d+) passed, (\d+) failed/gm)]
  const found = new Map(
    lines.map(([, mark, name = '', passed]) => [name, { ok: mark === '✓', passed: Number(passed) }]),
  )
  const counted = set.revision === undefined ? [...found.keys()] : required(set.revision)
  // A scenario that is required and did not run has not passed.
  const scenarios = new Map(counted.map((name) => [name, found.get(name)?.ok === true]))
  const checks = counted.reduce((sum, name) => sum + (found.get(name)?.passed ?? 0), 0)
  return { scenarios, checks, exitCode, output }
}

/** Returns the names below `server:` in the frozen list, a line each. */
function required(revision: string): string[] {
  const text = readFileSync(join(PACKAGE, `node_modules/conformance-next/requirements/${revision}.yaml`), 'utf8')
  const list = /^server:\n((?:  - .*\n)+)/m.exec(text)?.[1] ?? ''
  const names = [...list.matchAll(/^  - ([\w-]+)$/gm)].map(([, name = '']) => name)
  if (names.length === 0) throw new Error(`the frozen list of ${revision} is not in the form that is read here`)
  return names
}

async function runSuite({ alias, options }: ScenarioSet, url: string): Promise<{ exitCode: number; output: string }> {
  const program = join(PACKAGE, 'node_modules', alias, 'dist/index.js')
  const child = spawn(process.execPath, [program, 'server', '--url', url, ...options], {
    cwd: PACKAGE,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? -1))
  })
  return { exitCode, output }
}

/** Returns the ids of one scenario's failed checks. */
export async function failedChecks(scenario: string, revision: string, url: string): Promise<readonly string[]> {
  const options = ['--scenario', scenario, '--spec-version', revision]
  const { output } = await runSuite({ title: scenario, alias: 'conformance-next', options }, url)
  // oxlint-disable-next-line no-control-regex -- the suite colours its lines
  const plain = output.replaceAll(/\x1b\[\d+m/g, '')
  if (!plain.includes('] SUCCESS'))
    throw new Error(`the checks of ${scenario} are not told in the form that is read here`)
  return [...plain.matchAll(/\[([\w-]+) *\] FAILURE/g)].map(([, id = '']) => id)
}
