// A command for a model: one line on its state, then its output. Long output shows its beginning and end, names the
// exact bytes that were left out, and gives the call that shows them. Pure.

import { bothEnds, fitting, joined, lengthOf, linesOf, type OutputLine } from './lines.ts'
import {
  cutAt,
  grouped,
  HINT_CHARACTERS,
  RESULT_CHARACTERS,
  call,
  countOf,
  livesOn,
  textOf,
  textView,
  type Body,
  type Subject,
  type View,
} from './view.ts'

type Stream = 'stdout' | 'stderr'

const ROOM = RESULT_CHARACTERS - HINT_CHARACTERS
/** Characters that each stream has for itself; the other stream may use the rest. */
const LEAST = ROOM / 4

const TOLD = ['success', 'command', 'stdout', 'stderr', 'stdout_tail', 'stderr_tail']

export function commandView({ body, more }: Subject): View {
  const range = countOf(body, 'next_offset')
  if (range !== undefined) return rangeView(body, range, more)
  const out = partsOf(body, 'stdout')
  const err = partsOf(body, 'stderr')
  const errRoom = Math.max(LEAST, ROOM - lengthOf(out.lines))
  const outRoom = ROOM - Math.min(errRoom, lengthOf(err.lines))
  const sections = [section(out, outRoom, more, body), section(err, errRoom, more, body)].filter((one) => one !== '')
  const nothing = body['status'] === 'running' ? 'No output so far.' : 'No output.'
  return textView([stateOf(body), ...(sections.length === 0 ? [nothing] : sections), runsOn(body, more)], TOLD)
}

interface Parts {
  readonly stream: Stream
  /** Lines of both parts; none begins before the part that REST left out and ends after it. */
  readonly lines: readonly OutputLine[]
  /** Bytes of the whole stream. */
  readonly total: number
  readonly begin: number
}

function partsOf(body: Body, stream: Stream): Parts {
  const lossy = body[`${stream}_lossy`] === true
  const begin = countOf(body, `${stream}_offset`) ?? 0
  const head = linesOf({ text: textOf(body, stream), from: begin, lossy })
  const tailText = textOf(body, `${stream}_tail`)
  const tailFrom = countOf(body, `${stream}_tail_offset`)
  const total = countOf(body, `${stream}_bytes`) ?? head.at(-1)?.to ?? begin
  if (tailFrom === undefined) return { stream, lines: head, total, begin }
  // The first line of the end and the last of the beginning are rarely whole.
  const tail = linesOf({ text: tailText, from: tailFrom, lossy, to: tailFrom + Buffer.byteLength(tailText) })
  return { stream, lines: [...head, ...tail], total, begin }
}

function section({ stream, lines, total, begin }: Parts, room: number, more: string, body: Body): string {
  if (lines.length === 0) return ''
  const { head, tail } = bothEnds(lines, room)
  const shown = [...head, ...tail]
  const gone = begin > 0 ? `[bytes 0-${begin} of ${stream} are no longer kept]` : ''
  const pieces: string[] = []
  let run: OutputLine[] = []
  for (const [i, line] of shown.entries()) {
    const before = shown[i - 1]
    if (before !== undefined && line.from > before.to) {
      pieces.push(joined(run), leftOut(stream, before.to, line.from, more, body))
      run = []
    }
    run.push(line)
  }
  pieces.push(joined(run))
  const size = shown.length === lines.length && pieces.length === 1 ? '' : ` (${grouped(total)} bytes)`
  return [`${stream}${size}:`, gone, ...pieces].filter((piece) => piece !== '').join('\n')
}

function leftOut(stream: Stream, from: number, to: number, more: string, body: Body): string {
  const next = call(more, { id: textOf(body, 'id'), stream, offset: from })
  return `[left out: bytes ${from}-${to} of ${stream}, ${grouped(to - from)} bytes; ${next} shows them]`
}

/** Shows one stream from an offset on. */
function rangeView(body: Body, nextOffset: number, more: string): View {
  const stream: Stream = typeof body['stdout'] === 'string' ? 'stdout' : 'stderr'
  const from = countOf(body, 'offset') ?? 0
  const total = countOf(body, 'total') ?? 0
  const gap = countOf(body, 'gap_bytes') ?? 0
  const exact = body['encoding'] === 'base64'
  const { text, to } = exact ? exactPart(body, stream, nextOffset) : readablePart(body, stream, nextOffset)
  const id = textOf(body, 'id')
  const ended = body['status'] !== 'running'
  const wait = ended || to < total ? {} : { wait_seconds: 45 }
  const rest =
    ended && to >= total ? `[end of ${stream}]` : `[next: ${call(more, { id, stream, offset: to, ...wait })}]`
  return textView(
    [
      `${stateOf(body)} Bytes ${from}-${to} of ${grouped(total)} of ${stream}${exact ? ', as base64' : ''}:`,
      gap > 0 ? `[${grouped(gap)} bytes before ${from} are no longer kept]` : '',
      text === '' && !ended ? 'Nothing new.' : text,
      rest,
    ],
    TOLD,
  )
}

function readablePart(body: Body, stream: Stream, to: number): { text: string; to: number } {
  const lossy = body[`${stream}_lossy`] === true
  const lines = linesOf({ text: textOf(body, stream), from: countOf(body, 'offset') ?? 0, lossy })
  const fit = fitting(lines, ROOM)
  const last = lines[fit - 1]
  return fit === lines.length || last === undefined
    ? { text: joined(lines), to }
    : { text: joined(lines.slice(0, fit)), to: last.to }
}

/** Returns whole groups of four characters of base64, which are three bytes each. */
function exactPart(body: Body, stream: Stream, to: number): { text: string; to: number } {
  const text = textOf(body, stream)
  const kept = ROOM - (ROOM % 4)
  return text.length <= kept
    ? { text, to }
    : { text: cutAt(text, kept), to: (countOf(body, 'offset') ?? 0) + (kept / 4) * 3 }
}

function stateOf(body: Body): string {
  const id = textOf(body, 'id')
  if (body['status'] === 'running') return `Command ${id} is running.`
  const seconds = (Date.parse(textOf(body, 'exited_at')) - Date.parse(textOf(body, 'started_at'))) / 1000
  const time = Number.isFinite(seconds) ? ` after ${seconds.toFixed(1)} s` : ''
  const code = String(body['exit_code'])
  const held = body['stdio_held'] === true ? ' A process it left behind still holds its output.' : ''
  if (body['status'] === 'failed')
    return `Command ${id} failed${time}: ${textOf(body, 'error')} (exit code ${code}).${held}${livesOn(body)}`
  return `Command ${id} exited with code ${code}${time}.${held}`
}

function runsOn(body: Body, more: string): string | undefined {
  if (body['status'] !== 'running') return undefined
  return `[it runs on; ${call(more, { id: textOf(body, 'id'), wait_seconds: 45 })} waits for its end]`
}
