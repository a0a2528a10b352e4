// A content search by ripgrep. Below a directory ripgrep decides by the rule files what it looks at, as long as
// it decides as git does; else our own walk decides. A file that it left at a stray NUL byte is searched once
// more, as text. What it says about single files becomes warnings; what it says before it has begun is about
// the query, and the caller's to mend.

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

/** Time that `rg --version` may take, in milliseconds; on a busy machine it takes 20. */
const VERSION_MS = 10_000

/**
 * Entries that ripgrep may leave out before our own walk takes over: it writes a line about each, which costs as
 * much as searching two small files.
 */
const MOST_SKIPPED = 3000

/** Files with a late NUL byte that are searched again. */
const MOST_LATE = 500

/** "ripgrep 15.0.0" when the program runs and says so; otherwise throws with the reason. */
export async function ripgrepVersion(ripgrep: Ripgrep): Promise<string> {
  const signal = AbortSignal.timeout(VERSION_MS)
  const stdout = await runShort(ripgrep, { argv: [ripgrep.binary, '--version'], cwd: '/' }, signal)
  const version = /^ripgrep \d+(?:\.\d+)*/.exec(stdout)?.[0]
  if (version === undefined) throw new Error(`${ripgrep.binary} does not answer --version as ripgrep does`)
  return version
}

/** What searches are made with. */
export interface SearchMeans {
  readonly ripgrep: Ripgrep
  readonly walkers: Walkers
  readonly access: Access
}

export interface ContentSearchPlan extends Search, SearchMeans {
  readonly target: SearchTarget
}

/** Puts everything that is found into the collector. */
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

/** The file of the user's own rules, for ripgrep; or that ripgrep is not asked to decide. */
type Excludes = { readonly file: string | undefined } | 'ours'

async function excludesOf({ query, target, walkers, collector }: ContentSearchPlan): Promise<Excludes> {
  // With types ripgrep says a word about each file of another type.
  if (query.fileTypes.length > 0 || !query.ignorePatterns.every(patternReadAlike)) return 'ours'
  if (!query.ignoreRules) return { file: undefined }
  const home = await walkers.readableHome()
  if (home.silent !== undefined) collector.warn(`${home.silent}: its file system does not answer; it was not read`)
  const path = await ownExcludes(home, target.repository)
  const text = path === undefined ? undefined : await readRuleText(path)
  if (text === undefined) return { file: undefined }
  // ripgrep takes a place in them for one below the searched directory, git for one below each repository.
  return fileReadAlike(text) && !hasPlaces(text) ? { file: path } : 'ours'
}

function filesJob({ query, target, walkers }: ContentSearchPlan) {
  const rules = { gitignore: query.ignoreRules, patterns: query.ignorePatterns, home: walkers.home }
  const { includeHidden: hidden, fileTypes: extensions } = query
  return { kind: 'files' as const, path: target.directory, hidden, extensions, rules }
}

/** Lets ripgrep walk; false: what it looked at is not what git would have it look at. */
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

/** Adds the files that ripgrep left at a NUL byte before it had found anything in them. */
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
    // Of a name that is not UTF-8 this is not enough to open it; with lines found it has told its bytes.
    if (!path.includes('\uFFFD')) {
      // A name with a line break can look like a remark about another place: no link, no way up is followed.
      const real = await realpath(join(root, path)).catch(() => undefined)
      if (real !== undefined && real === `${root === '/' ? '' : root}/${path}`) noteLate(late, { path }, offset)
    } else if (![...late.values()].some((file) => file.path === path)) {
      collector.cap(`${path}: has a NUL byte at offset ${offset}; what comes from there on was not searched`)
    }
  }
}

/** Searches the files with a stray NUL byte to their end. ripgrep's threads name them in any order, we by their paths. */
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

/** What an outcome means for the answer: warnings, a line too long to travel, or that the query cannot be run. */
async function settle(plan: ContentSearchPlan, outcome: RipgrepOutcome, signal: AbortSignal): Promise<void> {
  const { endless } = outcome
  if (endless === 'unreadable') plan.collector.cap(`a line longer than ${RECORD_SIZE} was met; the search ended there`)
  else if (endless !== undefined) await addEndless(plan, endless, signal)
  else if (outcome.ended === 'by itself') judge(plan, outcome)
}

const RECORD_SIZE = `${RECORD_BYTES / 1024 / 1024} MiB`

/** What an exit means: 0 hits, 1 none, 2 something failed, before the search or at single files. */
function judge({ collector }: ContentSearchPlan, { exit, complete, remarks }: RipgrepOutcome): void {
  const { said } = remarks
  if (complete) {
    // In the order of the files: ripgrep's threads speak in any.
    for (const line of said.split('\n').toSorted()) if (line !== '') collector.warn(line.replace(/^rg: (?:\.\/)?/, ''))
    if (remarks.cut) collector.warn('ripgrep said more than is kept')
    return
  }
  const how = exit.signal ?? `exit code ${exit.code}`
  if (!collector.empty) return collector.cap(`ripgrep ended early (${how}); files that it had not come to are missing`)
  if (exit.signal === undefined && exit.code === 2) {
    // Its advice is about flags that no caller can give.
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
 * Adds the match whose record grew beyond the limit, its line number found by a second, terse search of that
 * one file. The rest of the search is given up, and the answer says so.
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

// Waiting no longer than a signal: a file system that does not answer keeps its thread of the pool, but not the
// caller who has left or whose time is up.

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
