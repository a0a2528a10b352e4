// `runRipgrep(ripgrep, run, signal)` runs ripgrep once: `run.take` gets its lines as they come, its remarks are kept,
// and the child is killed as soon as `take` has enough, `heed` finds the run worthless, or the signal aborts.

import type { Readable } from 'node:stream'
import type { LineRecord } from './line-record.ts'
import type { Child, ChildExit, Children } from '../processes/child.ts'
import type { Argv } from './ripgrep-argv.ts'
import { ripgrepBatches, type FileEnd, type RipgrepBatch } from './ripgrep-output.ts'
import { RipgrepRemarks } from './ripgrep-remarks.ts'

export interface Ripgrep {
  readonly children: Children
  /** Path of the program. */
  readonly binary: string
  readonly environment: Readonly<Record<string, string>>
}

/** A file to be searched, absolute or relative to the working directory; bytes where its path is not UTF-8. */
export interface Operand {
  readonly path: string
  readonly raw?: Uint8Array | undefined
}

export interface RipgrepRun {
  readonly argv: Argv
  readonly operands?: readonly Operand[]
  readonly cwd: string
  /** Takes the next record; returns true if no more are needed. */
  readonly take: (record: LineRecord | FileEnd) => boolean
  /** Looks at the remarks so far; returns true if the run is worthless. */
  readonly heed?: (remarks: RipgrepRemarks) => boolean
}

export interface RipgrepOutcome {
  /** `enough`: killed because no more was needed; `worthless`: killed because of its remarks. */
  readonly ended: 'by itself' | 'enough' | 'worthless'
  /** True if ripgrep accepted the query and searched all files. */
  readonly complete: boolean
  readonly exit: ChildExit
  readonly remarks: RipgrepRemarks
  readonly endless?: RipgrepBatch['endless']
}

/** Bytes of a short run's output that are kept. */
const SHORT_BYTES = 64 * 1024

/**
 * Resolves when the child has ended. Rejects when `signal` aborts, with its reason, or if ripgrep cannot be started.
 */
export async function runRipgrep(ripgrep: Ripgrep, run: RipgrepRun, signal: AbortSignal): Promise<RipgrepOutcome> {
  await using child = await start(ripgrep, run)
  using _stopping = killOnAbort(child, signal)
  const remarks = new RipgrepRemarks()
  let worthless = false
  const heard = eachChunk(child.stderr, (chunk) => {
    remarks.take(chunk)
    if (worthless || run.heed?.(remarks) !== true) return
    worthless = true
    child.signalGroup('SIGKILL')
  })
  const read = await readRecords(child.stdout, run.take)
  signal.throwIfAborted()
  if (read.enough) child.signalGroup('SIGKILL')
  const exit = await ended(child)
  await heard
  signal.throwIfAborted()
  const how = worthless ? 'worthless' : read.enough ? 'enough' : 'by itself'
  return { ended: how, complete: read.complete, exit, remarks, ...(read.endless && { endless: read.endless }) }
}

interface StdoutRead {
  readonly enough: boolean
  readonly complete: boolean
  readonly endless?: RipgrepBatch['endless']
}

async function readRecords(stdout: Readable, take: RipgrepRun['take']): Promise<StdoutRead> {
  let complete = false
  for await (const batch of ripgrepBatches(stdout)) {
    for (const record of batch.records) if (take(record)) return { enough: true, complete }
    complete ||= batch.complete
    if (batch.endless !== undefined) return { enough: true, complete, endless: batch.endless }
  }
  return { enough: false, complete }
}

/** Runs ripgrep to its end and resolves with its output, up to 64 KiB. */
export async function runShort(ripgrep: Ripgrep, run: Omit<RipgrepRun, 'take'>, signal: AbortSignal): Promise<string> {
  await using child = await start(ripgrep, run)
  using _stopping = killOnAbort(child, signal)
  const kept: Uint8Array[] = []
  let bytes = 0
  const keep = (chunk: Uint8Array) => {
    if (bytes < SHORT_BYTES) kept.push(chunk)
    bytes += chunk.length
  }
  await Promise.all([eachChunk(child.stdout, keep), eachChunk(child.stderr, () => undefined), ended(child)])
  signal.throwIfAborted()
  return Buffer.concat(kept).toString('utf8', 0, SHORT_BYTES)
}

async function start(ripgrep: Ripgrep, { argv, cwd, operands = [] }: Omit<RipgrepRun, 'take'>): Promise<Child> {
  return await ripgrep.children.spawn({
    argv,
    operands: operands.map(operandBytes),
    cwd,
    env: ripgrep.environment,
    stdin: 'empty',
  })
}

function operandBytes({ path, raw }: Operand): Uint8Array {
  const bytes = raw ?? Buffer.from(path)
  return path.startsWith('/') ? bytes : Buffer.concat([Buffer.from('./'), bytes])
}

/** ripgrep starts no processes: when it has ended, none is left. */
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

/** Reads to the end. A stream that is destroyed counts as ended. */
async function eachChunk(stream: Readable, use: (chunk: Uint8Array) => void): Promise<void> {
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) use(chunk)
  } catch {
    // The child's owner destroys its streams when the child is no longer wanted.
  }
}
