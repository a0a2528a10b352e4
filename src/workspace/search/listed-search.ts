// A search of the files that our own walk admits, handed to ripgrep by name: where ripgrep cannot be asked to
// decide, because it reads a rule otherwise than git, or would spend its time on saying what it leaves out. It
// takes longer than a search that ripgrep walks for itself, and means the same.

import type { Access } from '../files/access.ts'
import type { Walkers } from '../listing/walkers.ts'
import type { FilesJob, Summary } from '../../threads/walk/walk-job.ts'
import type { Operand, Outcome } from './ripgrep-run.ts'
import { commandLines, searchListed, type Late, type Search } from './searched-files.ts'

/** Files that are waited for before ripgrep is started on them; a start takes as long as reading some hundred. */
const FILES_EACH = 1500

export interface ListedSearch extends Search {
  readonly walkers: Walkers
  readonly access: Access
  readonly job: FilesJob
  /** Receives the files with a late NUL byte. */
  readonly late: Map<string, Late>
}

/** Calls `judge` with the outcome of each run; ends early where the answer is full. */
export async function searchListedTree(
  search: ListedSearch,
  judge: (outcome: Outcome) => Promise<void>,
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

function tellUnreadable({ collector, job: { path: directory } }: ListedSearch, { errors, unreadable }: Summary): void {
  const prefix = directory === '/' ? '/' : `${directory}/`
  for (const path of unreadable) {
    collector.warn(`${path.startsWith(prefix) ? path.slice(prefix.length) : path}: could not be read`)
  }
  if (errors > unreadable.length) collector.warn(`and ${errors - unreadable.length} more places could not be read`)
}
