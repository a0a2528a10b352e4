// `ResultCollector` makes the answer of a content search from line records: `add` each, then `result()`. Pure. It
// decides when ripgrep can be stopped: when one match more than wanted has come and the last wanted one has its
// context, or when the texts have used up their 8 MiB.

import { posix } from 'node:path'
import { bytesOfText, shownText } from '../../base/bytes-text.ts'
import type { ContentQuery, SearchTarget } from './content-query.ts'
import type { LineRecord } from './line-record.ts'
import { fileKey, shownNames } from './file-names.ts'

/** UTF-16 units of all texts in one answer; beyond them the answer counts as capped. */
export const RESULT_CHARACTERS = 8 * 1024 * 1024

/** Warnings that the answer has; the others are counted. */
export const WARNINGS_TOLD = 20

export interface ContentMatch {
  line: number
  column?: number
  text: string
  before?: string[]
  after?: string[]
  truncated?: true
  text_column?: number
  lossy?: true
}

/** A match in the flat list, which some clients read. */
export interface FlatMatch {
  path: string
  line_number: number
  /** The same as `text`: the SDK's command line prints this field. */
  line: string
  column?: number
  text: string
  truncated?: true
  text_column?: number
  lossy?: true
  lossy_name?: true
  path_base64?: string
}

export interface SearchResult {
  query: string
  path: string
  results: Record<string, ContentMatch[]>
  matches: FlatMatch[]
  total_matches: number
  total_files: number
  capped: boolean
  timed_out?: true
  engine: 'ripgrep'
  warnings?: string[]
}

interface FoundMatch {
  readonly record: LineRecord
  readonly match: ContentMatch
}

export interface FoundFile {
  readonly key: string
  readonly path: string
  /** The bytes of a path that is not UTF-8. */
  readonly raw: Buffer | undefined
}

/** The answer of one search while it is made. */
export class ResultCollector {
  readonly #query: ContentQuery
  readonly #target: SearchTarget
  #found: FoundMatch[] = []
  readonly #warnings: string[] = []
  #unsaid = 0
  #capped = false
  #timedOut = false
  #characters = 0
  /** Key of the file whose lines come at present. */
  #file: string | undefined
  /** Last lines of that file, for the context of the next match. */
  #recent: LineRecord[] = []
  /** Matches of that file that still lack lines after them. */
  #open: FoundMatch[] = []

  constructor(query: ContentQuery, target: SearchTarget) {
    this.#query = query
    this.#target = target
  }

  get empty(): boolean {
    return this.#found.length === 0
  }

  get capped(): boolean {
    return this.#capped
  }

  /** Returns the files with matches. */
  files(): FoundFile[] {
    const records = new Map(this.#found.map(({ record }) => [fileKey(record), record]))
    return [...records].map(([key, { path, pathBytes }]) => {
      return { key, path, raw: pathBytes === undefined ? undefined : Buffer.from(pathBytes, 'base64') }
    })
  }

  /** Returns the number of matches found in the file so far. */
  countIn(file: string): number {
    return this.#found.filter(({ record }) => fileKey(record) === file).length
  }

  /** Takes the next record; returns true if no more are needed. */
  add(record: LineRecord): boolean {
    const around = this.#query.contextLines
    this.#turnTo(fileKey(record))
    if (around > 0) this.#place(record, around)
    if (record.kind === 'match') {
      if (this.#capped || this.#found.length >= this.#query.maxResults) this.#capped = true
      else this.#accept(record, around)
    }
    if (around > 0) {
      this.#recent.push(record)
      if (this.#recent.length > around) this.#recent.shift()
    }
    if (this.#characters > RESULT_CHARACTERS) this.#capped = true
    return this.#capped && (this.#open.length === 0 || this.#characters > RESULT_CHARACTERS)
  }

  /** Takes a last match although the answer is capped; it has no context. */
  addCapped(record: LineRecord): void {
    if (this.#found.length < this.#query.maxResults) this.#accept(record, 0)
  }

  /** Empties the answer, for another search of the same query. */
  clear(): void {
    this.#found = []
    this.#warnings.length = 0
    this.#unsaid = 0
    this.#capped = false
    this.#characters = 0
    this.#turnTo(undefined)
  }

  /** Removes the matches of a file. */
  forget(file: string): void {
    this.#found = this.#found.filter(({ record }) => fileKey(record) !== file)
    this.#turnTo(undefined)
  }

  /** Marks the answer as incomplete, with the reason. */
  cap(warning: string): void {
    this.#capped = true
    this.warn(warning)
  }

  /** Marks the answer as cut by its deadline. */
  endLate(): void {
    this.#timedOut = true
    this.#capped = true
  }

  warn(warning: string): void {
    if (this.#warnings.length < WARNINGS_TOLD) this.#warnings.push(shownText(warning))
    else this.#unsaid++
  }

  result(): SearchResult {
    const found = this.#found.toSorted((a, b) => compare(a.record, b.record) || a.record.line - b.record.line)
    const byFile = new Map<string, ContentMatch[]>()
    for (const { record, match } of found) {
      const matches = byFile.get(fileKey(record))
      if (matches === undefined) byFile.set(fileKey(record), [match])
      else matches.push(match)
    }
    const names = shownNames(found.map(({ record }) => record))
    const warnings = this.#unsaid > 0 ? [...this.#warnings, `and ${this.#unsaid} more warnings`] : this.#warnings
    return {
      query: this.#query.pattern,
      path: this.#query.path,
      results: Object.fromEntries([...byFile].map(([file, matches]) => [shownText(names.get(file) ?? file), matches])),
      matches: found.map((one) => flatMatch(one, this.#target.directory)),
      total_matches: found.length,
      total_files: byFile.size,
      capped: this.#capped,
      ...(this.#timedOut ? { timed_out: true } : {}),
      engine: 'ripgrep',
      ...(warnings.length > 0 ? { warnings } : {}),
    }
  }

  /** Turns to another file. Records of one file come one after the other, so earlier lines are no context any more. */
  #turnTo(file: string | undefined): void {
    if (this.#file === file) return
    this.#file = file
    this.#recent = []
    this.#open = []
  }

  /** Adds `record` as a line after the matches that it follows. */
  #place(record: LineRecord, around: number): void {
    for (const { record: of, match } of this.#open) {
      if (record.line > of.line + around) continue
      match.after?.push(record.text)
      this.#characters += record.text.length
    }
    this.#open = this.#open.filter(({ record: of }) => record.line < of.line + around)
  }

  #accept(record: LineRecord, around: number): void {
    const match: ContentMatch = { line: record.line, text: record.text }
    if (record.column !== undefined) match.column = record.column
    if (record.truncated) match.truncated = true
    if (record.textColumn !== undefined) match.text_column = record.textColumn
    if (record.lossy) match.lossy = true
    this.#characters += record.text.length
    const found = { record, match }
    if (around > 0) {
      match.before = this.#recent.filter((line) => line.line >= record.line - around).map((line) => line.text)
      match.after = []
      this.#characters += match.before.reduce((sum, text) => sum + text.length, 0)
      this.#open.push(found)
    }
    this.#found.push(found)
  }
}

function flatMatch({ record, match }: FoundMatch, directory: string): FlatMatch {
  const { before: _before, after: _after, ...shown } = match
  const at = posix.join(directory, record.path)
  const flat: FlatMatch = {
    path: shownText(at),
    line_number: record.line,
    ...shown,
    line: shown.text,
  }
  const bytes = bytesOf(at, directory, record)
  if (bytes === undefined) return flat
  return { ...flat, lossy_name: true, path_base64: bytes.toString('base64') }
}

/**
 * Returns the bytes of a path that is not UTF-8. The directory is text that may hold bytes (bytes-text.ts); ripgrep's
 * path comes as bytes.
 */
function bytesOf(at: string, directory: string, { pathBytes }: LineRecord): Buffer | undefined {
  if (pathBytes === undefined) return at.isWellFormed() ? undefined : bytesOfText(at)
  return Buffer.concat([bytesOfText(directory === '/' ? '/' : `${directory}/`), Buffer.from(pathBytes, 'base64')])
}

/** Orders files by path; files with the same text by their bytes. */
function compare(a: LineRecord, b: LineRecord): number {
  return order(a.path, b.path) || order(a.pathBytes ?? '', b.pathBytes ?? '')
}

export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
