// ripgrep as a child of the daemon: one child a search, killed as soon as enough is known, the caller
// has left or the deadline has come. What ripgrep says on stderr about single files becomes warnings; what
// it says before it has begun is about the query, and the caller's to mend.

import type { Readable } from 'node:stream'
import { Fault } from '../../base/fault.ts'
import type { ContentQuery, SearchTarget } from './content-query.ts'
import type { Child, ChildExit, Children } from '../processes/child.ts'
import type { LineRecord } from './line-record.ts'
import { lineNumbersArgv, ripgrepArgv } from './ripgrep-argv.ts'
import { RECORD_BYTES, ripgrepBatches, type RipgrepBatch } from './ripgrep-output.ts'
import { ResultCollector, type SearchResult } from './search-result.ts'

export interface Ripgrep {
  readonly children: Children
  /** Path of the program. */
  readonly binary: string
  readonly environment: Readonly<Record<string, string>>
}

/** Bytes of stderr that are kept; the rest is read and dropped. */
const STDERR_BYTES = 64 * 1024

/** Time that `rg --version` may take, in milliseconds; on a busy machine it takes 20. */
const VERSION_MS = 10_000

/** "ripgrep 15.0.0" when the program runs and says so; otherwise throws with the reason. */
export async function ripgrepVersion(ripgrep: Ripgrep): Promise<string> {
  const signal = AbortSignal.timeout(VERSION_MS)
  const { stdout } = await runShort(ripgrep, [ripgrep.binary, '--version'], '/', signal)
  const version = /^ripgrep \d+(?:\.\d+)*/.exec(stdout)?.[0]
  if (version === undefined) throw new Error(`${ripgrep.binary} does not answer --version as ripgrep does`)
  return version
}

export async function searchWithRipgrep(
  ripgrep: Ripgrep,
  query: ContentQuery,
  target: SearchTarget,
  signal: AbortSignal,
): Promise<SearchResult> {
  const collector = new ResultCollector(query, target)
  const cwd = target.cwd ?? target.directory
  await using child = await start(ripgrep, ripgrepArgv(ripgrep.binary, query, target), cwd)
  using _stopping = killOnAbort(child, signal)
  const complaints = readUpTo(child.stderr, STDERR_BYTES)
  const outcome = await collect(child.stdout, collector, target)
  signal.throwIfAborted()
  if (outcome.ended !== 'by itself') child.signalGroup('SIGKILL')
  const exit = await ended(child)
  if (outcome.endless !== undefined) await addEndless(ripgrep, { query, target, collector }, outcome.endless, signal)
  if (outcome.ended === 'by itself') {
    signal.throwIfAborted()
    judge(exit, outcome.complete, await complaints, collector)
  }
  return collector.result()
}

interface Outcome {
  readonly ended: 'by itself' | 'enough'
  readonly complete: boolean
  readonly endless?: RipgrepBatch['endless']
}

async function collect(stdout: Readable, collector: ResultCollector, target: SearchTarget): Promise<Outcome> {
  let complete = false
  for await (const batch of ripgrepBatches(stdout)) {
    for (const line of batch.lines) if (collector.add(named(line, target))) return { ended: 'enough', complete }
    complete ||= batch.complete
    if (batch.endless !== undefined) return { ended: 'enough', complete, endless: batch.endless }
  }
  return { ended: 'by itself', complete }
}

/** A file that was given as it is open is told by its own name. */
function named(line: LineRecord, { opened, name }: SearchTarget): LineRecord {
  return opened === undefined ? line : { ...line, path: name }
}

/** What an exit means: 0 hits, 1 none, 2 something failed, before the search or at single files. */
function judge(exit: ChildExit, complete: boolean, complaints: string, collector: ResultCollector): void {
  const said = complaints.trim()
  if (complete) {
    for (const line of said.split('\n')) if (line !== '') collector.warn(line.replace(/^rg: (?:\.\/)?/, ''))
    return
  }
  if (exit.signal === undefined && exit.code === 2) {
    const reason = said.replace(/^rg: /, '') || 'ripgrep gave no reason'
    throw new Fault('bad_request', `the search cannot be run as asked: ${reason}`, { details: { field: 'q' } })
  }
  throw new Fault(
    'internal_error',
    `ripgrep ended early (${exit.signal ?? `exit code ${exit.code}`}): ${said || 'it gave no reason'}`,
  )
}

/**
 * Adds the match whose record grew beyond the limit, its line number found by a second, terse search of that
 * one file. The rest of the search is given up, and the answer says so.
 */
async function addEndless(
  ripgrep: Ripgrep,
  search: { query: ContentQuery; target: SearchTarget; collector: ResultCollector },
  endless: NonNullable<RipgrepBatch['endless']>,
  signal: AbortSignal,
): Promise<void> {
  const { query, target, collector } = search
  const size = `${RECORD_BYTES / 1024 / 1024} MiB`
  if (endless === 'unreadable') return collector.cap(`a line longer than ${size} was met; the search ended there`)
  collector.cap(`${endless.path}: a line is longer than ${size}; the search ended there`)
  if (endless.kind === 'context' || endless.pathBytes !== undefined) return
  const file = { ...target, kind: 'file' as const, name: endless.path, count: collector.countIn(endless.path) + 1 }
  const { stdout } = await runShort(
    ripgrep,
    lineNumbersArgv(ripgrep.binary, query, file),
    target.cwd ?? target.directory,
    signal,
  )
  const line = /(\d+):[^\n]*\n?$/.exec(stdout)?.[1]
  if (line !== undefined) collector.addCapped({ ...endless, line: Number(line) })
}

/** Runs to the end and gives what was printed, up to 64 KiB of each stream. */
async function runShort(
  ripgrep: Ripgrep,
  argv: readonly [string, ...string[]],
  cwd: string,
  signal: AbortSignal,
): Promise<{ stdout: string; stderr: string }> {
  await using child = await start(ripgrep, argv, cwd)
  using _stopping = killOnAbort(child, signal)
  const [stdout, stderr] = await Promise.all([
    readUpTo(child.stdout, STDERR_BYTES),
    readUpTo(child.stderr, STDERR_BYTES),
    ended(child),
  ])
  signal.throwIfAborted()
  return { stdout, stderr }
}

async function start(ripgrep: Ripgrep, argv: readonly [string, ...string[]], cwd: string): Promise<Child> {
  return await ripgrep.children.spawn({ argv, cwd, env: ripgrep.environment, stdin: 'empty' })
}

/** ripgrep starts no processes: with it ended, nothing is left to be looked for. */
async function ended(child: Child): Promise<ChildExit> {
  const exit = await child.exited
  child.release()
  return exit
}

/** Kills the child's group when `signal` aborts, until disposed. */
function killOnAbort(child: Child, signal: AbortSignal): Disposable {
  const kill = () => child.signalGroup('SIGKILL')
  if (signal.aborted) kill()
  else signal.addEventListener('abort', kill, { once: true })
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', kill) }
}

/** Reads to the end, keeps the first `limit` bytes. A stream that is torn down ends like any other. */
async function readUpTo(stream: Readable, limit: number): Promise<string> {
  const kept: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (bytes < limit) kept.push(chunk)
      bytes += chunk.length
    }
  } catch {
    // The child's owner destroys its streams when the child is no longer wanted.
  }
  return Buffer.concat(kept).toString('utf8', 0, limit)
}
