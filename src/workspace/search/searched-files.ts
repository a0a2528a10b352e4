// Searches files whose names are given to ripgrep: `searchListedTree` those that our own walk admits, `searchAsText`
// single ones. A NUL byte in the first 64 KiB makes a file binary and leaves it out, as in every search of a directory;
// a later one is a stray byte, and the file is searched to its end as text. A file that the caller has named is always
// text.

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

/** Bytes at the beginning in which a NUL makes a file binary: ripgrep's first buffer. */
export const BINARY_PROBE = 64 * 1024

/** Bytes of names on one command line; the system takes at least 128 KiB, mostly 2 MiB. */
const OPERAND_BYTES = 96 * 1024
/** Names on one command line. */
const OPERANDS = 2000

export interface Search {
  readonly ripgrep: Ripgrep
  readonly query: ContentQuery
  /** The working directory. */
  readonly directory: string
  /** Given if ripgrep searches one opened file: the name that the answer shows for it. */
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

/** Searches files as text; earlier matches of a file are removed when its first line comes. */
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

/** A file with its first NUL byte behind the first 64 KiB. */
export interface Late extends Operand {
  readonly offset: number
}

export function noteLate(late: Map<string, Late>, file: Omit<FileEnd, 'kind' | 'nul'>, offset: number): void {
  const raw = file.pathBytes === undefined ? undefined : Buffer.from(file.pathBytes, 'base64')
  late.set(fileKey(file), { path: file.path, raw, offset })
}

/** Splits the operands into groups that one command line takes. */
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

/** Holds the lines of one file until ripgrep tells, at the file's end, whether it is binary. */
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
    // More text than an answer holds: no binary file has that.
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

/** Files that are gathered before ripgrep is started on them; a start takes as long as reading some hundred. */
const FILES_EACH = 1500

interface ListedSearch extends Search {
  readonly walkers: Walkers
  readonly access: Access
  readonly job: FilesJob
  /** Receives the files with a late NUL byte. */
  readonly late: Map<string, Late>
}

/**
 * Searches the files that our own walk admits, for rules that ripgrep reads differently from git, or where it would
 * write a line about thousands of entries that it leaves out. This takes longer than a search in which ripgrep walks,
 * and has the same result. Calls `judge` with the outcome of each run; ends early if the answer is full.
 */
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
