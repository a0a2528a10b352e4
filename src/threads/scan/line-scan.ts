// Turns the text of one file, given window by window, into line records: the matching lines and those
// around them. Pure. A window ends at a line end, except the last.

import { charactersBefore, shownText, type LineRecord } from './line-record.ts'
import type { LineMatcher } from './line-matcher.ts'

export interface ScanOptions {
  readonly matcher: LineMatcher
  readonly contextLines: number
  /** What the records say of the file. */
  readonly file: Pick<LineRecord, 'path' | 'pathBytes'>
  /** Takes the next record; true: no more are wanted. */
  readonly emit: (record: LineRecord) => boolean
}

export class LineScan {
  readonly #options: ScanOptions
  /** Number of the first line of the window to come. */
  #line = 1
  /** The last lines of earlier windows, for context: at most `contextLines`. */
  #tail: string[] = []
  /** Lines after the last match that are still to be told. */
  #owed = 0
  /** The last line told. */
  #told = 0
  #enough = false

  constructor(options: ScanOptions) {
    this.#options = options
  }

  /** Takes the next window; `lossy`: it was not UTF-8. True: no more are wanted. */
  take(text: string, lossy: boolean): boolean {
    if (this.#options.contextLines > 0) this.#takeWithContext(text, lossy)
    else this.#takeMatches(text, lossy)
    return this.#enough
  }

  /** Passes over a window in which nothing matches, given as bytes. False: its lines must be told, so take it. */
  skip(bytes: Buffer): boolean {
    if (this.#options.contextLines > 0) return false
    this.#line += countNewlines(bytes)
    return true
  }

  #takeMatches(text: string, lossy: boolean): void {
    let number = this.#line
    let counted = 0
    for (const { start, end, column } of matchingLines(text, this.#options.matcher)) {
      number += newlinesBetween(text, counted, start)
      counted = start
      const found = this.#record('match', number, text.slice(start, end), lossy)
      if (this.#tell({ ...found, column: charactersBefore(text.slice(start, end), column) + 1 })) return
    }
    this.#line = number + newlinesBetween(text, counted, text.length)
  }

  #takeWithContext(text: string, lossy: boolean): void {
    const around = this.#options.contextLines
    const first = this.#line - this.#tail.length
    const lines = [...this.#tail, ...text.split('\n')]
    if (text.endsWith('\n')) lines.pop()
    for (let i = this.#tail.length; i < lines.length; i++) {
      const line = lines[i] ?? ''
      const at = this.#options.matcher.hit(line)
      if (at >= 0) {
        for (let before = Math.max(0, i - around, this.#told + 1 - first); before < i; before++) {
          if (this.#tell(this.#record('context', first + before, lines[before] ?? '', lossy))) return
        }
        const column = charactersBefore(line, at) + 1
        if (this.#tell({ ...this.#record('match', first + i, line, lossy), column })) return
        this.#owed = around
      } else if (this.#owed > 0) {
        this.#owed--
        if (this.#tell(this.#record('context', first + i, line, lossy))) return
      }
    }
    this.#line = first + lines.length
    this.#tail = lines.slice(-around)
  }

  #record(kind: LineRecord['kind'], line: number, text: string, lossy: boolean): LineRecord {
    const damaged = lossy && text.includes('\uFFFD')
    return { kind, ...this.#options.file, line, ...shownText(text), ...(damaged ? { lossy: true } : {}) }
  }

  #tell(record: LineRecord): boolean {
    this.#told = record.line
    this.#enough = this.#options.emit(record)
    return this.#enough
  }
}

/** Start and end of each matching line, and the index of its first match. */
function* matchingLines(text: string, matcher: LineMatcher): Generator<{ start: number; end: number; column: number }> {
  for (let from = 0; from < text.length;) {
    const at = matcher.find(text, from)
    if (at < 0) return
    // A match of the whole may span lines, or begin at the very end of the last.
    const start = at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
    if (start >= text.length) return
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    const column = matcher.hit(text.slice(start, end))
    if (column >= 0) yield { start, end, column }
    from = end + 1
  }
}

function newlinesBetween(text: string, from: number, to: number): number {
  let count = 0
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count++
  return count
}

function countNewlines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++
  return count
}
