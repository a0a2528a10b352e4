// Reads what `rg --json` prints. Pure: chunks in, line records out, however the chunks are cut. A record
// is held only until its line end has come, and none longer than 8 MiB is (reliability S-04). Lines that
// are not JSON occur (contract 16) and are passed over.

import { charactersBefore, charactersInBytes, shownText, type LineRecord } from './line-record.ts'

/** Bytes of one printed record; a longer one ends the search (reliability S-04). */
export const RECORD_BYTES = 8 * 1024 * 1024

/** How much of an endless record is looked at: the path (at most 4,095 bytes, each up to 6 in JSON) and the text shown. */
const HEAD_BYTES = 64 * 1024

export interface RipgrepBatch {
  readonly lines: readonly LineRecord[]
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
      if (batch.lines.length > 0 || batch.complete) yield batch
    }
    if (heldBytes > RECORD_BYTES) {
      const head = Buffer.concat(held).toString('utf8', 0, HEAD_BYTES)
      yield { lines: [], complete: false, endless: readHead(head) ?? 'unreadable' }
      return
    }
  }
}

function readRecords(whole: Buffer): RipgrepBatch {
  const lines: LineRecord[] = []
  let complete = false
  for (let from = 0; from < whole.length;) {
    const newline = whole.indexOf(0x0a, from)
    const to = newline < 0 ? whole.length : newline
    const record = readRecord(whole, from, to)
    if (record === 'summary') complete = true
    else if (record !== undefined) lines.push(record)
    from = to + 1
  }
  return { lines, complete }
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
    readonly submatches: readonly { readonly start: number }[]
  }
}

/** Offset of the letter that tells `begin`, `end`, `match` and `context` apart in `{"type":"…`. */
const LETTER = 9

function readRecord(whole: Buffer, from: number, to: number): LineRecord | 'summary' | undefined {
  const letter = whole[from + LETTER]
  // `begin` and `end` say nothing that is needed; at many files they are most of the records.
  if (letter === 0x62 || letter === 0x65) return undefined
  let printed: Printed
  try {
    // The form is ripgrep's own; what does not have it is caught below.
    printed = JSON.parse(whole.toString('utf8', from, to)) as Printed
    if (printed.type === 'summary') return 'summary'
    if (printed.type !== 'match' && printed.type !== 'context') return undefined
    return lineRecord(printed.type, printed.data)
  } catch {
    return undefined
  }
}

function lineRecord(kind: 'match' | 'context', data: Printed['data']): LineRecord {
  const start = kind === 'match' ? data.submatches[0]?.start : undefined
  return {
    kind,
    ...readPath(data.path),
    line: data.line_number ?? 0,
    ...readLine(data.lines, start),
  }
}

function readPath(path: Arbitrary): { path: string; pathBytes?: string } {
  if (path.text !== undefined) return { path: path.text.replace(/^\.\//, '') }
  const bytes = Buffer.from(path.bytes ?? '', 'base64')
  const bare = bytes.toString('latin1', 0, 2) === './' ? bytes.subarray(2) : bytes
  return { path: bare.toString(), pathBytes: bare.toString('base64') }
}

/** `start`: byte offset of the first match, of which ripgrep counts from 0. */
function readLine(
  line: Arbitrary,
  start: number | undefined,
): Pick<LineRecord, 'column' | 'text' | 'truncated' | 'lossy'> {
  if (line.text !== undefined) {
    const column = start === undefined ? {} : { column: charactersInBytes(line.text, start) + 1 }
    return { ...column, ...shownText(line.text) }
  }
  const bytes = Buffer.from(line.bytes ?? '', 'base64')
  const before = start === undefined ? undefined : bytes.toString('utf8', 0, start)
  const column = before === undefined ? {} : { column: charactersBefore(before, before.length) + 1 }
  return { ...column, ...shownText(bytes.toString()), lossy: true }
}

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
