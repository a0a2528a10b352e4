// `searchWithRipgrep(plan, signal)` puts the matches of one content search into the plan's collector. Below a directory
// ripgrep decides by the rule files which files it searches, as long as it decides as git does; else our own walk
// decides. A file in which it stopped at a stray NUL byte is searched again, as text. Its messages about single files
// become warnings; a failure before the search has begun is a fault of the query (`bad_request`).

import { join } from 'node:path'
import { realpath } from '../../base/path-calls.ts'
import { Fault } from '../../base/fault.ts'
import type { Access } from '../files/opening/access.ts'
import type { Walkers } from '../listing/walkers.ts'
import type { SearchTarget } from './content-query.ts'
import type { LineRecord } from './line-record.ts'
import {
  searchListedTree,
  BINARY_PROBE,
  commandLines,
  noteLate,
  searchAsText,
  type Late,
  type Search,
} from './searched-files.ts'
import { ownExcludes, readRuleText, RuleCheck } from './rule-check.ts'
import { lineNumbersArgv, treeArgv } from './ripgrep-argv.ts'
import { RECORD_BYTES, type FileEnd } from './ripgrep-output.ts'
import { runRipgrep, runShort, type Operand, type RipgrepOutcome, type Ripgrep } from './ripgrep-run.ts'
import { fileReadAlike, hasPlaces, patternReadAlike } from './rule-dialect.ts'
import { fileKey } from './file-names.ts'
import { order } from './search-result.ts'

export type { Ripgrep }

/** Milliseconds that `rg --version` may take; on a busy machine it takes 20. */
const VERSION_MS = 10_000

/**
 * Entries that ripgrep may leave out before our own walk takes over: it writes a line about each, which takes as long
 * as searching two small files.
 */
const MOST_SKIPPED = 3000

/** Files with a late NUL byte that are searched again. */
const MOST_LATE = 500

/** Resolves with "ripgrep 15.0.0" if the program runs and answers so; rejects with the reason if not. */
export async function ripgrepVersion(ripgrep: Ripgrep): Promise<string> {
  const signal = AbortSignal.timeout(VERSION_MS)
  const stdout = await runShort(ripgrep, { argv: [ripgrep.binary, '--version'], cwd: '/' }, signal)
  const version = /^ripgrep \d+(?:\.\d+)*/.exec(stdout)?.[0]
  if (version === undefined) throw new Error(`${ripgrep.binary} does not answer --version as ripgrep does`)
  return version
}

/** The parts that every search uses. */
export interface SearchMeans {
  readonly ripgrep: Ripgrep
  readonly walkers: Walkers
  readonly access: Access
}

export interface ContentSearchPlan extends Search, SearchMeans {
  readonly target: SearchTarget
}

/** Puts all matches into the collector. */
export async function searchWithRipgrep(plan: ContentSearchPlan, signal: AbortSignal): Promise<void> {
  const { target, collector } = plan
  if (target.kind === 'file') {
    const operands = [{ path: target.opened ?? target.name }]
    return await settle(plan, await searchAsText(plan, operands, signal), signal)
  }
  const late = new Map<string, Late>()
  const excludes = await whileWanted(excludesOf(plan), signal)
  if (excludes === 'ours' || !(await searchTree(plan, excludes.file, late, signal))) {
    collector.clear()
    late.clear()
    const listed = { ...plan, job: filesJob(plan), late }
    await searchListedTree(listed, (outcome) => settle(plan, outcome, signal), signal)
  }
  await searchLate(plan, late, signal)
}

/** The file of the user's own rules for ripgrep; `ours`: our own walk decides instead of ripgrep. */
type Excludes = { readonly file: string | undefined } | 'ours'

async function excludesOf({ query, target, walkers, collector }: ContentSearchPlan): Promise<Excludes> {
  // With types ripgrep writes a line about each file of another type.
  if (query.fileTypes.length > 0 || !query.ignorePatterns.every(patternReadAlike)) return 'ours'
  if (!query.ignoreRules) return { file: undefined }
  const home = await walkers.readableHome()
  if (home.silent !== undefined) collector.warn(`${home.silent}: its file system does not answer; it was not read`)
  const path = await ownExcludes(home, target.repository)
  const text = path === undefined ? undefined : await readRuleText(path)
  if (text === undefined) return { file: undefined }
  // A rule with a slash counts from the searched directory in ripgrep, from each repository's root in git.
  return fileReadAlike(text) && !hasPlaces(text) ? { file: path } : 'ours'
}

function filesJob({ query, target, walkers }: ContentSearchPlan) {
  const rules = { gitignore: query.ignoreRules, patterns: query.ignorePatterns, home: walkers.home }
  const { includeHidden: hidden, fileTypes: extensions } = query
  return { kind: 'files' as const, path: target.directory, hidden, extensions, rules }
}

/** Lets ripgrep walk; false: it looked at other files than git's rules allow. */
async function searchTree(
  plan: ContentSearchPlan,
  excludes: string | undefined,
  late: Map<string, Late>,
  signal: AbortSignal,
): Promise<boolean> {
  const { ripgrep, query, target, collector } = plan
  const check = new RuleCheck(target)
  const run = {
    argv: treeArgv(ripgrep.binary, query, target, excludes),
    cwd: plan.directory,
    take: (record: LineRecord | FileEnd) => {
      if (record.kind !== 'end') return collector.add(record)
      if (record.nul !== undefined) noteLate(late, record, record.nul)
      return false
    },
    heed: ({ ruleFiles, skipped }: RipgrepOutcome['remarks']) => {
      check.take(ruleFiles)
      return check.odd || skipped > MOST_SKIPPED
    },
  }
  const outcome = await runRipgrep(ripgrep, run, signal)
  if (outcome.ended === 'worthless' || !(await whileWanted(check.finish(signal), signal))) return false
  await whileWanted(noteSilent(plan, outcome, late), signal)
  await settle(plan, outcome, signal)
  return true
}

/** Adds the files in which ripgrep stopped at a NUL byte before it had found anything. */
async function noteSilent(
  plan: ContentSearchPlan,
  { remarks }: RipgrepOutcome,
  late: Map<string, Late>,
): Promise<void> {
  const { collector, directory } = plan
  const root = remarks.binaries.size === 0 ? '' : await realpath(directory)
  for (const [shown, offset] of remarks.binaries) {
    const path = shown.replace(/^\.\//, '')
    if (offset < BINARY_PROBE || late.has(path)) continue
    // This is not enough to open a file whose name is not UTF-8; if lines were found, their records have the bytes.
    if (!path.includes('\uFFFD')) {
      // A name with a line break can look like a message about another file: links and ".." are not followed.
      const real = await realpath(join(root, path)).catch(() => undefined)
      if (real !== undefined && real === `${root === '/' ? '' : root}/${path}`) noteLate(late, { path }, offset)
    } else if (![...late.values()].some((file) => file.path === path)) {
      collector.cap(`${path}: has a NUL byte at offset ${offset}; what comes from there on was not searched`)
    }
  }
}

/**
 * Searches the files with a stray NUL byte to their end, in the order of their paths: ripgrep's threads name them in
 * any.
 */
async function searchLate(
  plan: ContentSearchPlan,
  late: ReadonlyMap<string, Late>,
  signal: AbortSignal,
): Promise<void> {
  const { collector } = plan
  if (late.size === 0 || collector.capped) return
  const ordered = [...late].toSorted(([, a], [, b]) => order(a.path, b.path))
  const files = ordered.map(([, file]) => file)
  for (const operands of commandLines(files.slice(0, MOST_LATE))) {
    await settle(plan, await searchAsText(plan, operands, signal), signal)
    if (collector.capped) break
  }
  for (const [file, { path, offset }] of ordered) {
    if (collector.countIn(file) === 0) continue
    collector.warn(`${path}: has a NUL byte at offset ${offset}; it was searched as text, to its end`)
  }
  const left = late.size - MOST_LATE
  if (left <= 0) return
  const [first] = files.slice(MOST_LATE)
  collector.cap(`${first?.path ?? ''}${left > 1 ? ` and ${left - 1} more files` : ''}: not searched behind a NUL byte`)
}

/**
 * Applies the outcome of a run to the answer: warnings, a line too long to send, or a query that cannot be run
 * (throws).
 */
async function settle(plan: ContentSearchPlan, outcome: RipgrepOutcome, signal: AbortSignal): Promise<void> {
  const { endless } = outcome
  if (endless === 'unreadable') plan.collector.cap(`a line longer than ${RECORD_SIZE} was met; the search ended there`)
  else if (endless !== undefined) await addEndless(plan, endless, signal)
  else if (outcome.ended === 'by itself') judge(plan, outcome)
}

const RECORD_SIZE = `${RECORD_BYTES / 1024 / 1024} MiB`

/** Applies the exit code: 0 matches, 1 none, 2 a failure, before the search (throws) or at single files (warnings). */
function judge({ collector }: ContentSearchPlan, { exit, complete, remarks }: RipgrepOutcome): void {
  const { said } = remarks
  if (complete) {
    // Sorted, because ripgrep's threads write in any order.
    for (const line of said.split('\n').toSorted()) if (line !== '') collector.warn(line.replace(/^rg: (?:\.\/)?/, ''))
    if (remarks.cut) collector.warn('ripgrep said more than is kept')
    return
  }
  const how = exit.signal ?? `exit code ${exit.code}`
  if (!collector.empty) return collector.cap(`ripgrep ended early (${how}); files that it had not come to are missing`)
  if (exit.signal === undefined && exit.code === 2) {
    // ripgrep's advice names flags that no caller can give.
    const reason =
      said
        .replace(/^rg: /, '')
        .replace(/\n\s*\n?Consider [^]*$/, '')
        .trim() || 'ripgrep gave no reason'
    throw new Fault('bad_request', `the search cannot be run as asked: ${reason}`, { details: { field: 'q' } })
  }
  throw new Fault('internal_error', `ripgrep ended early (${how}): ${said || 'it gave no reason'}`)
}

/**
 * Adds the match whose record grew beyond the limit; a second search of that file, which prints line numbers only,
 * finds its line. The rest of the search is given up, and the answer says so.
 */
async function addEndless(plan: ContentSearchPlan, met: LineRecord, signal: AbortSignal): Promise<void> {
  const { ripgrep, query, collector } = plan
  const endless = plan.name === undefined ? met : { ...met, path: plan.name }
  collector.cap(`${endless.path}: a line is longer than ${RECORD_SIZE}; the search ended there`)
  if (endless.kind === 'context') return
  const raw = met.pathBytes === undefined ? undefined : Buffer.from(met.pathBytes, 'base64')
  const operands: Operand[] = [{ path: met.path, raw }]
  const argv = lineNumbersArgv(ripgrep.binary, query, collector.countIn(fileKey(endless)) + 1)
  const stdout = await runShort(ripgrep, { argv, operands, cwd: plan.directory }, signal)
  const line = /(\d+):[^\n]*\n?$/.exec(stdout)?.[1]
  if (line !== undefined) collector.addCapped({ ...endless, line: Number(line) })
}

/**
 * Resolves with `work`, or rejects when `signal` aborts: a file system that does not answer keeps its thread of the
 * pool, but not a caller that has left or whose time is up.
 */
export async function whileWanted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: left, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, left])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
