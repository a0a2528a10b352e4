// Finds the test files, and says to which of the two suites each belongs. A file whose name ends in `.slow.test.ts`
// belongs to the slow one: kill, flood, memory, exhaustion, build, deploy, fuzz, emptied roots, foreign clients, quick
// tests once more in other surroundings, and tests that take more than some seconds or need the machine alone. Every
// other `*.test.ts` below test/ belongs to the quick one. The slow suite runs file by file, the quick one two files at
// a time.

import { readdirSync } from 'node:fs'
import { join, normalize } from 'node:path'

export interface Suite {
  readonly name: 'quick' | 'slow'
  readonly files: readonly string[]
  /** Number of files that run at a time; at most two, as the machines this runs on have two cores. */
  readonly jobs: 1 | 2
}

const TEST = '.test.ts'
const SLOW = '.slow.test.ts'

/** Returns every test file, by its path from the project's root, in order. */
export function testFiles(root: string): string[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(TEST) && !/(^|\/)(node_modules|tap-testdir[^/]*)\//.test(path))
    .map((path) => join('test', path))
    .toSorted()
}

/**
 * Returns the suites that `args` ask for: `--slow` the slow one, `--all` one after the other, files and folders those
 * of either, nothing the quick one. Throws if an argument names no test file.
 */
export function suitesFor(args: readonly string[], files: readonly string[]): Suite[] {
  const flags = args.filter((arg) => arg.startsWith('--'))
  const named = args.filter((arg) => !arg.startsWith('--')).flatMap((arg) => filesNamed(arg, files))
  const unknown = flags.find((flag) => !['--slow', '--all'].includes(flag))
  if (unknown !== undefined) throw new Error(`${unknown} is unknown: --slow, --all, or files`)
  const wanted = named.length > 0 ? new Set(named) : new Set(files)
  const both = named.length > 0 || flags.includes('--all')
  const quick = files.filter((file) => !file.endsWith(SLOW) && wanted.has(file))
  const slow = files.filter((file) => file.endsWith(SLOW) && wanted.has(file))
  const suites: Suite[] = [
    { name: 'quick', files: both || !flags.includes('--slow') ? quick : [], jobs: 2 },
    { name: 'slow', files: both || flags.includes('--slow') ? slow : [], jobs: 1 },
  ]
  return suites.filter((suite) => suite.files.length > 0)
}

/** Returns the files that an argument names: itself, or all below it. */
function filesNamed(arg: string, files: readonly string[]): string[] {
  const path = normalize(arg).replace(/\/$/, '')
  const found = files.filter((file) => file === path || file.startsWith(`${path}/`))
  if (found.length === 0) throw new Error(`${arg} is no test file and no folder of test files`)
  return found
}
