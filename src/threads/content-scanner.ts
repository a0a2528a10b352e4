// The built-in content engine's thread: searches what its start value orders and posts line records in
// batches, warnings, and at last how it ended. It stops by itself once the answer must be full; its owner
// terminates it at the deadline or when the caller leaves, at any point.

import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { errnoOf, Fault } from '../base/fault.ts'
import type { ScanOrder } from './scan/content-query.ts'
import { lineMatcher, type LineMatcher } from './scan/line-matcher.ts'
import type { LineRecord } from './scan/line-record.ts'
import { LineScan } from './scan/line-scan.ts'
import { searchedFiles, type SearchedFile } from './scan/searched-files.ts'
import { TextWindows } from './scan/text-windows.ts'

export type FromScanner =
  | { readonly type: 'lines'; readonly lines: readonly LineRecord[] }
  | { readonly type: 'warning'; readonly warning: string }
  | { readonly type: 'refused'; readonly sentence: string }
  | { readonly type: 'done' }

/** Records in one message: some 64 KiB at ordinary lengths, so that taking one never holds the main thread. */
const BATCH_LINES = 256
const BATCH_CHARACTERS = 256 * 1024
/** Characters after which the answer is full, whatever is collected of them (workspace/search-result). */
const TOTAL_CHARACTERS = 16 * 1024 * 1024
/** Messages with warnings; the answer tells fewer. */
const WARNINGS = 1000

// A FIFO that took a file's place between listing and opening must not block (reliability F-01).
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

function scan(order: ScanOrder, say: (message: FromScanner) => void): void {
  const matcher = lineMatcher(order.query)
  const outbox = new Outbox(order, say)
  const named: SearchedFile = {
    path: order.target.name,
    location: { path: `${order.target.directory}/${order.target.name}`, raw: undefined },
  }
  const files = order.target.kind === 'file' ? [named] : searchedFiles(order, (warning) => outbox.warn(warning))
  for (const file of files) if (scanFile(file, order, matcher, outbox)) break
  outbox.flush()
}

/** True: no more are wanted. */
function scanFile(file: SearchedFile, order: ScanOrder, matcher: LineMatcher, outbox: Outbox): boolean {
  const alone = order.target.kind === 'file'
  let fd: number
  try {
    fd = openSync(file.location.raw ?? file.location.path, alone ? FLAGS : FLAGS | constants.O_NOFOLLOW)
  } catch (error) {
    outbox.warn(`${file.path}: ${errnoOf(error) ?? String(error)}`)
    return false
  }
  try {
    if (!fstatSync(fd).isFile()) return false
    const { path, pathBytes } = file
    const scan = new LineScan({
      matcher,
      contextLines: order.query.contextLines,
      file: pathBytes === undefined ? { path } : { path, pathBytes },
      emit: (record) => outbox.add(record),
    })
    const windows = new TextWindows(
      (into) => readSync(fd, into),
      alone,
      () => outbox.warn(`${path}: a line is longer than 8 MiB; only its beginning was searched`),
    )
    for (const bytes of windows) {
      if (matcher.needle !== undefined && !bytes.includes(matcher.needle) && scan.skip(bytes)) continue
      if (scan.take(bytes.toString('utf8'), !isUtf8(bytes))) return true
    }
    return false
  } catch (error) {
    outbox.warn(`${file.path}: ${errnoOf(error) ?? String(error)}`)
    return false
  } finally {
    closeSync(fd)
  }
}

/** Records on their way to the main thread. */
class Outbox {
  readonly #order: ScanOrder
  readonly #say: (message: FromScanner) => void
  #lines: LineRecord[] = []
  #characters = 0
  #total = 0
  #matches = 0
  #warnings = 0

  constructor(order: ScanOrder, say: (message: FromScanner) => void) {
    this.#order = order
    this.#say = say
  }

  /** True: the answer must be full now. */
  add(record: LineRecord): boolean {
    const { maxResults } = this.#order.query
    if (record.kind === 'match') this.#matches++
    this.#lines.push(record)
    this.#characters += record.text.length
    this.#total += record.text.length
    if (this.#lines.length >= BATCH_LINES || this.#characters >= BATCH_CHARACTERS) this.flush()
    // The first match too many may be context of the last wanted one; so may what follows, up to one more window of lines.
    const full = this.#matches > maxResults + this.#order.query.contextLines
    return full || this.#total > TOTAL_CHARACTERS
  }

  warn(warning: string): void {
    if (this.#warnings++ < WARNINGS) this.#say({ type: 'warning', warning })
  }

  flush(): void {
    if (this.#lines.length > 0) this.#say({ type: 'lines', lines: this.#lines })
    this.#lines = []
    this.#characters = 0
  }
}

const port = parentPort
if (port !== null) {
  const say = (message: FromScanner) => port.postMessage(message)
  try {
    // Our own start value, made by workspace/builtin-engine.
    scan(workerData as ScanOrder, say)
    say({ type: 'done' })
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    say({ type: 'refused', sentence: error.message })
  }
}
