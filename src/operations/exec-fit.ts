// Shortens the report of a command that is too long for one message. The command is not run again: its output keeps its
// beginning and its end, as output_bytes does, and the answer names the call that reads on from there. A look at a
// command is repeated with smaller limits.

import { headOf, jsonBytes, tailOf } from '../base/json-size.ts'
import type { Fields, Fit } from '../operation.ts'
import { bytesIn, countIn, textIn } from './fit-fields.ts'
import { PART_BYTES } from './exec-output.ts'

const STREAMS = ['stdout', 'stderr'] as const
type Stream = (typeof STREAMS)[number]

/** Bytes of JSON of the echoed command: enough to know it again. */
const COMMAND_BYTES = 4096
/** The shorter call does not wait: the output it waited for has come. */
const AT_ONCE = { wait_seconds: 0 }
/** Bytes for marks, and for offsets that become longer. */
const MARKS = 400

export const runFit: Fit = { cut: cutOutput, marks: callForRest }
export const getFit: Fit = { less: lessOutput, cut: cutOutput, marks: callForRest, rest: restOfRange }

function lessOutput(came: Fields, asked: Fields, share: number): Fields | undefined {
  const [offset, next] = [countIn(came, 'offset'), countIn(came, 'next_offset')]
  if (offset !== undefined && next !== undefined) {
    const limit = Math.floor((next - offset) * share)
    return limit < 16 ? undefined : { limit, ...AT_ONCE }
  }
  const before = STREAMS.map((stream) => bytesIn(came, stream) + bytesIn(came, `${stream}_tail`))
  const output_bytes = Math.min(PART_BYTES, Math.floor(Math.max(...before) * share))
  return output_bytes < 256 ? undefined : { output_bytes, ...AT_ONCE }
}

/** Cuts both streams. Each has a quarter for itself; what one does not use, the other may. */
function cutOutput(came: Fields, room: number): Fields {
  const rest = { ...came, ...shortCommand(came), stdout: '', stderr: '', stdout_tail: '', stderr_tail: '' }
  const free = Math.max(0, room - jsonBytes(rest) - MARKS)
  const [out, err] = STREAMS.map((stream) => sizeOf(came, stream)) as [number, number] // two streams
  const errRoom = Math.max(free / 4, free - out)
  const outRoom = free - Math.min(errRoom, err)
  return {
    ...came,
    ...shortCommand(came),
    ...(out > outRoom && endsOf(came, 'stdout', outRoom)),
    ...(err > errRoom && endsOf(came, 'stderr', errRoom)),
  }
}

function sizeOf(came: Fields, stream: Stream): number {
  return jsonBytes(textIn(came, stream)) + jsonBytes(textIn(came, `${stream}_tail`))
}

function endsOf(came: Fields, stream: Stream, room: number): Fields {
  const whole = textIn(came, stream)
  const lossy = came[`${stream}_lossy`] === true
  const begin = countIn(came, `${stream}_offset`) ?? 0
  const total = countIn(came, `${stream}_bytes`) ?? begin + Buffer.byteLength(whole)
  const head = headOf(whole, room / 3)
  const kept = came[`${stream}_tail`]
  // True if the end was cut off already and is not at hand.
  const missing = kept === undefined && begin + Buffer.byteLength(whole) < total
  const end = typeof kept === 'string' ? kept : missing ? '' : whole.slice(head.length)
  const tail = tailOf(end, room - jsonBytes(head))
  return {
    [stream]: missing ? headOf(whole, room) : head,
    ...(missing ? {} : { [`${stream}_tail`]: tail, [`${stream}_tail_offset`]: total - leastBytes(tail, lossy) }),
    [`${stream}_truncated`]: true,
    [`${stream}_bytes`]: total,
  }
}

/**
 * Counts the fewest bytes that a text can be. U+FFFD stands for at least one byte, so a gap is never said to be shorter
 * than it is.
 */
function leastBytes(text: string, lossy: boolean): number {
  return Buffer.byteLength(text) - (lossy ? 2 * (text.split('\ufffd').length - 1) : 0)
}

function shortCommand(came: Fields): Fields {
  const { command } = came
  if (!Array.isArray(command) || jsonBytes(command) <= COMMAND_BYTES) return {}
  const words: string[] = []
  let free = COMMAND_BYTES
  for (const word of command as readonly string[]) {
    if (free <= 2) break
    words.push(headOf(word, free))
    free -= jsonBytes(words.at(-1)) + 1
  }
  return { command: words, command_truncated: true }
}

/** Names the call for what lies behind the beginning shown, of the first stream that has more. */
function callForRest(short: Fields, asked: Fields): Fields {
  if (countIn(short, 'next_offset') !== undefined) {
    const stream = 'stdout' in short ? 'stdout' : 'stderr'
    return { [`${stream}_truncated`]: true, ...restOfRange(short, asked) }
  }
  const id = textIn(short, 'id')
  const stream = STREAMS.find((one) => short[`${one}_truncated`] === true)
  if (stream === undefined) return {}
  const shown = leastBytes(textIn(short, stream), short[`${stream}_lossy`] === true)
  return { next: nextPart({ id, stream, offset: (countIn(short, `${stream}_offset`) ?? 0) + shown }) }
}

/** Names the call that continues a range, in the form asked for: a client that follows the calls reaches the end. */
function restOfRange(came: Fields, { limit, encoding }: Fields): Fields {
  const [from, offset, total] = [countIn(came, 'offset'), countIn(came, 'next_offset'), countIn(came, 'total')]
  // Nothing came: there is only the beginning of a character, and the same call would bring no more.
  if (offset === undefined || total === undefined || offset >= total || offset === from) return {}
  const stream = 'stdout' in came ? 'stdout' : 'stderr'
  const form = { ...(limit !== undefined && { limit }), ...(encoding !== undefined && { encoding }) }
  return { next: nextPart({ id: textIn(came, 'id'), stream, offset, ...form }) }
}

interface PartAsked {
  readonly id: string
  readonly stream: Stream
  readonly offset: number
  readonly limit?: unknown
  readonly encoding?: unknown
}

function nextPart(args: PartAsked): object {
  const { id, ...query } = args
  const fields = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  return { tool: 'exec_get', arguments: args, path: `/exec/${encodeURIComponent(id)}?${fields.join('&')}` }
}
