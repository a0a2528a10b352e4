// Searching files that are named to ripgrep one by one. A NUL byte in the first 64 KiB makes a file binary and
// leaves it out, as in every search of a directory; one that comes later is a stray byte in a text, which is
// then read to its end as text. A file that the caller has named is text whatever is in it.

import type { ContentQuery } from './content-query.ts'
import type { LineRecord } from './line-record.ts'
import { filesArgv } from './ripgrep-argv.ts'
import type { FileEnd } from './ripgrep-output.ts'
import { runRipgrep, type Operand, type RipgrepOutcome, type Ripgrep } from './ripgrep-run.ts'
import { fileKey } from './file-names.ts'
import { RESULT_CHARACTERS, type ResultCollector } from './search-result.ts'
import type { Access } from '../files/opening/access.ts'
import type { Walkers } from '../listing/walkers.ts'
import type { FilesJob, WalkSummary } from '../../threads/walk/walk-job.ts'

/** Where a NUL byte makes a file binary: ripgrep looks at its first buffer before it searches any of it. */
export const BINARY_PROBE = 64 * 1024

/** Bytes of names on one command line; the system takes at least 128 KiB, mostly 2 MiB. */
const OPERAND_BYTES = 96 * 1024
const OPERANDS = 2000

export interface Search {
  readonly ripgrep: Ripgrep
  readonly query: ContentQuery
  /** The working directory. */
  readonly directory: string
  /** Given: what the one file is told by, which ripgrep is given as it is open. */
  readonly name?: string | undefined
  readonly collector: ResultCollector
}

/** Searches files that may be binary; those with a late NUL byte are added to `late`. */
export async function searchListed(
  search: Search,
  operands: readonly Operand[],
  late: Map<string, Late>,
  signal: AbortSignal,
): Promise<RipgrepOutcome> {
  const held = new HeldFile(search.collector)
  const argv = filesArgv(search.ripgrep.binary, search.query, false)
  const take = (record: LineRecord | FileEnd): boolean => {
    if (record.kind !== 'end') return held.add(record)
    if (record.nul !== undefined && record.nul < BINARY_PROBE) return held.drop()
    if (record.nul !== undefined) noteLate(late, record, record.nul)
    return held.release()
  }
  return await runRipgrep(search.ripgrep, { argv, operands, cwd: search.directory, take }, signal)
}

/** Searches files as text; what was found in one before gives way when its first line comes. */
export async function searchAsText(
  search: Search,
  operands: readonly Operand[],
  signal: AbortSignal,
): Promise<RipgrepOutcome> {
  const argv = filesArgv(search.ripgrep.binary, search.query, true)
  let file: string | undefined
  const take = (record: LineRecord | FileEnd): boolean => {
    if (record.kind === 'end') return false
    const known = search.name === undefined ? record : { ...record, path: search.name }
    if (file !== fileKey(known)) search.collector.forget((file = fileKey(known)))
    return search.collector.add(known)
  }
  return await runRipgrep(search.ripgrep, { argv, operands, cwd: search.directory, take }, signal)
}

/** A file in which a NUL byte stands behind the first 64 KiB. */
export interface Late extends Operand {
  readonly offset: number
}

export function noteLate(late: Map<string, Late>, file: Omit<FileEnd, 'kind' | 'nul'>, offset: number): void {
  const raw = file.pathBytes === undefined ? undefined : Buffer.from(file.pathBytes, 'base64')
  late.set(fileKey(file), { path: file.path, raw, offset })
}

/** As many of the operands as one command line takes, one group after the other. */
export function commandLines(operands: readonly Operand[]): Operand[][] {
  const lines: Operand[][] = []
  let bytes = Infinity
  for (const operand of operands) {
    const size = (operand.raw?.length ?? Buffer.byteLength(operand.path)) + 16
    const line = lines.at(-1)
    if (line === undefined || line.length >= OPERANDS || bytes + size > OPERAND_BYTES) {
      lines.push([operand])
      bytes = size
    } else {
      line.push(operand)
      bytes += size
    }
  }
  return lines
}

/** The lines of one file until it is known whether it is binary, which ripgrep says at its end. */
class HeldFile {
  readonly #collector: ResultCollector
  #records: LineRecord[] = []
  #characters = 0

  constructor(collector: ResultCollector) {
    this.#collector = collector
  }

  add(record: LineRecord): boolean {
    this.#records.push(record)
    this.#characters += record.text.length
    // More than an answer holds: no binary file has so many lines of text.
    return this.#characters > RESULT_CHARACTERS ? this.release() : false
  }

  drop(): false {
    this.#records = []
    this.#characters = 0
    return false
  }

  release(): boolean {
    const records = this.#records
    this.drop()
    return records.some((record) => this.#collector.add(record))
  }
}

// A search of the files that our own walk admits, handed to ripgrep by name: where ripgrep cannot be asked to
// decide, because it reads a rule otherwise than git, or would spend its time on saying what it leaves out. It
// takes longer than a search that ripgrep walks for itself, and means the same.

/** Files that are waited for before ripgrep is started on them; a start takes as long as reading some hundred. */
const FILES_EACH = 1500

interface ListedSearch extends Search {
  readonly walkers: Walkers
  readonly access: Access
  readonly job: FilesJob
  /** Receives the files with a late NUL byte. */
  readonly late: Map<string, Late>
}

/** Calls `judge` with the outcome of each run; ends early where the answer is full. */
export async function searchListedTree(
  search: ListedSearch,
  judge: (outcome: RipgrepOutcome) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  await using walk = await search.walkers.open(search.job, signal, search.access)
  let waiting: Operand[] = []
  for await (const { bytes, end } of walk) {
    for (const operand of readOperands(bytes)) waiting.push(operand)
    if (end === undefined && waiting.length < FILES_EACH) continue
    for (const operands of commandLines(waiting)) {
      await judge(await searchListed(search, operands, search.late, signal))
      if (search.collector.capped) return
    }
    waiting = []
    if (end !== undefined) tellUnreadable(search, end)
  }
}

function readOperands(bytes: Uint8Array): Operand[] {
  const listed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString().split('\0')
  return listed.flatMap((path) => {
    if (path === '') return []
    if (!path.startsWith('/')) return [{ path }]
    const raw = Buffer.from(path.slice(1), 'base64')
    return [{ path: raw.toString(), raw }]
  })
}

function tellUnreadable(
  { collector, job: { path: directory } }: ListedSearch,
  { errors, unreadable }: WalkSummary,
): void {
  const prefix = directory === '/' ? '/' : `${directory}/`
  for (const path of unreadable) {
    collector.warn(`${path.startsWith(prefix) ? path.slice(prefix.length) : path}: could not be read`)
  }
  if (errors > unreadable.length) collector.warn(`and ${errors - unreadable.length} more places could not be read`)
}
