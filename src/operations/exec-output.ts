// The output of a command in parts (protocol.md#exec-output): a range by absolute offsets, or the beginning and the end
// with the offsets of what lies between, so that a client can ask for the rest exactly.

import { isUtf8 } from 'node:buffer'
import type { Static } from 'typebox'
import { optional, Type, whole } from '../schema.ts'
import { cut, rangeOf } from '../workspace/exec/output-range.ts'
import { leadingHalf, trailingHalf } from '../workspace/exec/output-text.ts'
import type { Task } from '../workspace/exec/task.ts'
import type { Excerpt, StreamName } from '../workspace/exec/task-output.ts'
import { taskEntryOf } from './exec-report.ts'

/** Most bytes of one part. */
export const PART_BYTES = 1024 * 1024
/** Bytes of each stream for a model: more than it is shown, since escape sequences and progress displays go. */
export const TEXT_BYTES = 128 * 1024
/** Longest wait of one call, of a command or a terminal: clients and proxies give up after 60 s of silence. */
export const MOST_WAIT_SECONDS = 50
/** The wait that `next` proposes, in seconds. */
export const USUAL_WAIT_SECONDS = 45

const offset = (description: string) => optional(Type.Integer({ description, minimum: 0 }))
const text = (description: string) => optional(Type.String({ description }))

export const outputBytes = optional(
  whole('Most bytes of each stream: its beginning as stdout, its end as stdout_tail, with their offsets.', {
    minimum: 256,
    maximum: PART_BYTES,
  }),
)

/** Further fields of a report if `output_bytes` was given. */
export const endsFields = {
  stdout_offset: offset('With output_bytes: where stdout begins, unless at 0'),
  stdout_tail: text('With output_bytes: the end of stdout where something lies between'),
  stdout_tail_offset: offset('Where stdout_tail begins'),
  stderr_offset: offset('The same for stderr'),
  stderr_tail: text('The same for stderr'),
  stderr_tail_offset: offset('The same for stderr'),
}

/** Further fields of exec_get's answer if a range was asked for. */
export const rangeFields = {
  offset: offset('With stream: offset of the first byte returned'),
  next_offset: offset('With stream: offset of the next call'),
  total: offset('With stream: bytes it has printed so far'),
  gap_bytes: offset('With stream: bytes between the offset asked for and the first returned, no longer kept'),
  eof: optional(Type.Boolean({ description: 'With stream: the command has ended and this is the end of it' })),
  encoding: text('"base64" where that was asked for'),
}

export const nextCall = optional(
  Type.Object(
    {
      tool: Type.String(),
      arguments: Type.Object({
        id: Type.String(),
        wait_seconds: optional(Type.Number()),
        stream: optional(Type.String()),
        offset: optional(Type.Integer()),
        limit: optional(Type.Integer()),
        encoding: optional(Type.String()),
      }),
      path: Type.String({ description: 'The same call over REST' }),
    },
    { description: 'The call to make next: the command runs on, or there is more output than fits into one result' },
  ),
)

/** Returns the call to make next if the wait has passed and the command has not ended. */
export function nextOf(task: Task): { next?: Static<typeof nextCall> } {
  if (task.end !== undefined) return {}
  const { id } = task
  const wait_seconds = USUAL_WAIT_SECONDS
  const path = `/exec/${id}?wait_seconds=${wait_seconds}`
  return { next: { tool: 'exec_get', arguments: { id, wait_seconds }, path } }
}

interface RangeAsked {
  readonly stream: StreamName
  readonly offset: number
  readonly limit: number
  readonly encoding: 'utf8' | 'base64'
}

/** Returns a range. Waits until there is something at the offset, or the end. */
export async function rangeReport(task: Task, asked: RangeAsked, waits: AbortSignal | undefined) {
  const { stream, encoding } = asked
  const look = () =>
    rangeOf(task.tail(stream), { ...asked, text: encoding === 'utf8', running: task.end === undefined })
  let range = look()
  // The beginning of a character alone cannot be read yet.
  while (waits !== undefined && !waits.aborted && range.bytes.byteLength === 0 && task.end === undefined) {
    const { total } = range
    const beyond = Math.max(total, asked.offset)
    await task.until(stream, (now) => now > beyond, waits)
    range = look()
  }
  const { bytes, from, to, total, gap } = range
  const lossy = encoding === 'utf8' && !isUtf8(bytes)
  return {
    ...taskEntryOf(task),
    [stream]: bytes.toString(encoding),
    ...(lossy ? { [`${stream}_lossy`]: true } : {}),
    ...(encoding === 'base64' ? { encoding } : {}),
    offset: from,
    next_offset: to,
    total,
    ...(gap > 0 ? { gap_bytes: gap } : {}),
    ...(task.end !== undefined && to === total ? { eof: true } : {}),
  }
}

/**
 * Reports the beginning and the end of both streams. `heads`: their true beginnings are kept, for a caller that waits.
 */
export function endsReport(task: Task, bytes: number, heads: boolean) {
  const out = endsOf(task, 'stdout', bytes, heads)
  const err = endsOf(task, 'stderr', bytes, heads)
  return {
    ...taskEntryOf(task),
    stdout: out.text,
    stderr: err.text,
    ...(out.offset > 0 ? { stdout_offset: out.offset } : {}),
    ...(out.tail === undefined ? {} : { stdout_tail: out.tail.text, stdout_tail_offset: out.tail.offset }),
    ...(out.short ? { stdout_truncated: true, stdout_bytes: out.total } : {}),
    ...(out.lossy ? { stdout_lossy: true } : {}),
    ...(err.offset > 0 ? { stderr_offset: err.offset } : {}),
    ...(err.tail === undefined ? {} : { stderr_tail: err.tail.text, stderr_tail_offset: err.tail.offset }),
    ...(err.short ? { stderr_truncated: true, stderr_bytes: err.total } : {}),
    ...(err.lossy ? { stderr_lossy: true } : {}),
  }
}

interface TextPart {
  readonly text: string
  readonly offset: number
  readonly lossy: boolean
}

interface StreamEnds extends TextPart {
  readonly tail: TextPart | undefined
  readonly total: number
  /** True if something is missing. */
  readonly short: boolean
}

function endsOf(task: Task, stream: StreamName, bytes: number, heads: boolean): StreamEnds {
  const tail = task.tail(stream)
  const { total } = tail
  const late = total - tail.bytes
  const head = heads && late > 0 ? task.head(stream) : tail
  const first = head === tail ? late : 0
  const running = task.end === undefined
  if (head.bytes === total - first && head.bytes <= bytes) {
    const only = partOf(head, first, { from: first, to: total, running })
    return { ...only, tail: undefined, total, short: first > 0 }
  }
  const half = Math.floor(bytes / 2)
  const start = partOf(head, first, { from: first, to: Math.min(first + half, first + head.bytes), running })
  const end = partOf(tail, late, { from: Math.max(total - half, late, first + half), to: total, running })
  return { ...start, tail: end, total, short: true, lossy: start.lossy || end.lossy }
}

/** Returns the characters of an excerpt that begins at `first`; halves at a cut are left out. */
function partOf(
  kept: Excerpt,
  first: number,
  { from, to, running }: { from: number; to: number; running: boolean },
): TextPart {
  const bytes = cut(kept.pieces, from - first, to - first)
  const begin = from > 0 ? leadingHalf(bytes) : 0
  const end = to < kept.total || running ? trailingHalf(bytes) : 0
  const whole = bytes.subarray(begin, Math.max(begin, bytes.byteLength - end))
  return { text: whole.toString('utf8'), offset: from + begin, lossy: !isUtf8(whole) }
}
