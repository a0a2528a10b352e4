// Reads what `rg --json` prints. Pure: chunks in, line records out, however the chunks are cut. A record
// is held only until its line end has come, and none longer than 8 MiB is (S-04). Lines that
// are not JSON occur (protocol.md#search) and are passed over.

import { shownLine, unitsInBytes, type LineRecord } from './line-record.ts'

/** Bytes of one printed record; a longer one ends the search (S-04). */
export const RECORD_BYTES = 8 * 1024 * 1024

/** How much of an endless record is looked at: the path (at most 4,095 bytes, each up to 6 in JSON) and the text shown. */
const HEAD_BYTES = 64 * 1024

/** The end of a file that lines were printed of. */
export interface FileEnd {
  readonly kind: 'end'
  readonly path: string
  readonly pathBytes?: string
  /** Where its first NUL byte is; undefined: none was met. */
  readonly nul: number | undefined
}

export interface RipgrepBatch {
  /** Lines, file by file; each file's are followed by its end. */
  readonly records: readonly (LineRecord | FileEnd)[]
  /** ripgrep printed its closing statistics, so it took the query and went through all files. */
  readonly complete: boolean
  /** A record grew beyond 8 MiB: what is known of it, its `line` being 0, or nothing. No batch follows. */
  readonly endless?: LineRecord | 'unreadable'
}

/** One batch a chunk, as the chunks come. Ends with the stream, or at an endless record. */
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

/** A text of ripgrep's: UTF-8, or the base64 of bytes that are not. */
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
  // `begin` says nothing that is needed; at many files it is a third of the records.
  if (whole[from + LETTER] === BEGIN) return undefined
  let printed: Printed
  try {
    // The form is ripgrep's own; what does not have it is caught below.
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

/** `match`: where the first match is, in bytes from 0. */
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

/** A JSON string as far as it goes, without a torn escape at its end. */
const STRING_HEAD = /^(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*/

/** Path and shown text of an endless record; undefined where not even they are there. */
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
