// `ripgrepBatches(stdout)` reads what `rg --json` prints. Pure: chunks in, line records out, with chunks cut anywhere.
// A record is held until its line end has come, at most 8 MiB of it (S-04). Lines that are not JSON occur
// (protocol.md#search) and are passed over.

import { shownLine, unitsInBytes, type LineRecord } from './line-record.ts'

/** Bytes of one printed record; a longer one ends the search (S-04). */
export const RECORD_BYTES = 8 * 1024 * 1024

/**
 * Bytes of an endless record that are read: the path (at most 4,095 bytes, each up to 6 in JSON) and the text shown.
 */
const HEAD_BYTES = 64 * 1024

/** The end of a file from which lines were printed. */
export interface FileEnd {
  readonly kind: 'end'
  readonly path: string
  readonly pathBytes?: string
  /** Offset of its first NUL byte; undefined: none was met. */
  readonly nul: number | undefined
}

export interface RipgrepBatch {
  /** Lines, file by file; the lines of a file are followed by its end. */
  readonly records: readonly (LineRecord | FileEnd)[]
  /** True if ripgrep printed its closing statistics: it accepted the query and searched all files. */
  readonly complete: boolean
  /** Given if a record grew beyond 8 MiB: its beginning, with `line` 0, or `unreadable`. No batch follows. */
  readonly endless?: LineRecord | 'unreadable'
}

/** Yields at most one batch for each chunk. Ends with the stream, or at an endless record. */
export async function* ripgrepBatches(stdout: AsyncIterable<Uint8Array>): AsyncGenerator<RipgrepBatch> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of stdout) {
    const end = chunk.lastIndexOf(0x0a)
    if (end < 0) {
      held.push(chunk)
      heldBytes += chunk.length
    } else {
      const whole = Buffer.concat([...held, chunk.subarray(0, end)])
      const batch = readRecords(whole)
      held = end + 1 < chunk.length ? [chunk.subarray(end + 1)] : []
      heldBytes = chunk.length - end - 1
      if (batch.records.length > 0 || batch.complete) yield batch
    }
    if (heldBytes > RECORD_BYTES) {
      const head = Buffer.concat(held).toString('utf8', 0, HEAD_BYTES)
      yield { records: [], complete: false, endless: readHead(head) ?? 'unreadable' }
      return
    }
  }
}

function readRecords(whole: Buffer): RipgrepBatch {
  const records: (LineRecord | FileEnd)[] = []
  let complete = false
  for (let from = 0; from < whole.length;) {
    const newline = whole.indexOf(0x0a, from)
    const to = newline < 0 ? whole.length : newline
    const record = readRecord(whole, from, to)
    if (record === 'summary') complete = true
    else if (record !== undefined) records.push(record)
    from = to + 1
  }
  return { records, complete }
}

/** A text as ripgrep prints it: UTF-8, or the base64 of bytes that are not. */
interface Arbitrary {
  readonly text?: string
  readonly bytes?: string
}

/** The parts of a record that are read (ripgrep, `grep_printer::JSON`). */
interface Printed {
  readonly type: string
  readonly data: {
    readonly path: Arbitrary
    readonly lines: Arbitrary
    readonly line_number: number | null
    readonly submatches: readonly { readonly start: number; readonly end: number }[]
    readonly binary_offset?: number | null
  }
}

/** Offset of the letter that tells `begin`, `end`, `match` and `context` apart in `{"type":"…`. */
const LETTER = 9

const BEGIN = 'b'.charCodeAt(0)

function readRecord(whole: Buffer, from: number, to: number): LineRecord | FileEnd | 'summary' | undefined {
  // `begin` has nothing that is needed; with many files it is a third of the records.
  if (whole[from + LETTER] === BEGIN) return undefined
  let printed: Printed
  try {
    // A line without ripgrep's form throws below and is passed over.
    printed = JSON.parse(whole.toString('utf8', from, to)) as Printed
    if (printed.type === 'summary') return 'summary'
    if (printed.type === 'end') {
      return { kind: 'end', ...readPath(printed.data.path), nul: printed.data.binary_offset ?? undefined }
    }
    if (printed.type !== 'match' && printed.type !== 'context') return undefined
    return lineRecord(printed.type, printed.data)
  } catch {
    return undefined
  }
}

function lineRecord(kind: 'match' | 'context', data: Printed['data']): LineRecord {
  return {
    kind,
    ...readPath(data.path),
    line: data.line_number ?? 0,
    ...readLine(data.lines, kind === 'match' ? data.submatches[0] : undefined),
  }
}

function readPath(path: Arbitrary): { path: string; pathBytes?: string } {
  if (path.text !== undefined) return { path: path.text.replace(/^\.\//, '') }
  const bytes = Buffer.from(path.bytes ?? '', 'base64')
  const bare = bytes.toString('latin1', 0, 2) === './' ? bytes.subarray(2) : bytes
  return { path: bare.toString(), pathBytes: bare.toString('base64') }
}

/** Returns the line as it is shown; `match` is the first match, in bytes from 0. */
function readLine(line: Arbitrary, match: { start: number; end: number } | undefined): Shown {
  if (line.text !== undefined) {
    const { text } = line
    const units = (bytes: number) => unitsInBytes(text, bytes)
    return shownLine(text, match && { start: units(match.start), end: units(match.end) })
  }
  const bytes = Buffer.from(line.bytes ?? '', 'base64')
  const units = (end: number) => bytes.toString('utf8', 0, end).length
  return { ...shownLine(bytes.toString(), match && { start: units(match.start), end: units(match.end) }), lossy: true }
}

type Shown = Pick<LineRecord, 'column' | 'text' | 'truncated' | 'textColumn' | 'lossy'>

/** The beginning of a record whose end never came. */
const HEAD =
  /^\{"type":"(match|context)","data":\{"path":(\{"(?:text|bytes)":"(?:[^"\\]|\\.)*"\}),"lines":\{"(text|bytes)":"/

/** The beginning of a JSON string, without a torn escape at its end. */
const STRING_HEAD = /^(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*/

/** Returns path and shown text of an endless record; undefined if its head lacks them. */
export function readHead(head: string): LineRecord | undefined {
  const found = HEAD.exec(head)
  if (found === null) return undefined
  const [opening, kind, path, form] = found
  const rest = head.slice(opening.length)
  const lines: Arbitrary =
    form === 'text'
      ? { text: JSON.parse(`"${STRING_HEAD.exec(rest)?.[0] ?? ''}"`) as string }
      : { bytes: rest.slice(0, rest.length - (rest.length % 4)) }
  return {
    kind: kind === 'context' ? 'context' : 'match',
    ...readPath(JSON.parse(path ?? '{}') as Arbitrary),
    line: 0,
    ...readLine(lines, undefined),
  }
}
