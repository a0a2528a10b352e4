// A terminal's output for a model: cleaned lines, the newest if there are too many, or from an offset on the oldest,
// and the calls for the other lines. A program that draws with the cursor is shown as its output, not as its screen.

import { fitting, joined, linesOf } from './lines.ts'
import {
  grouped,
  HINT_CHARACTERS,
  RESULT_CHARACTERS,
  call,
  countOf,
  textOf,
  textView,
  type Body,
  type Subject,
  type View,
} from './view.ts'

const ROOM = RESULT_CHARACTERS - HINT_CHARACTERS

export function screenView({ body, asked, more }: Subject): View {
  const from = countOf(body, 'from') ?? 0
  const next = countOf(body, 'next') ?? 0
  const gap = countOf(body, 'gap_bytes') ?? 0
  const exact = body['encoding'] !== 'text'
  const onward = asked['from'] !== undefined && asked['from'] !== null
  const { text, begin, end } = (exact ? bytesShown : linesShown)(body, { from, next, onward })
  const alive = body['alive'] === true
  const state = alive ? 'The terminal is alive.' : `The terminal has ended with code ${String(body['exit_code'])}.`
  const follow = { ...asked, from: end, ...(end === next && { wait_seconds: 20 }) }
  const { bytes: _, ...all } = asked
  return textView(
    [
      `${state} Bytes ${begin}-${end} of what it printed${exact ? ', as base64' : ''}:`,
      gap > 0 ? `[${grouped(gap)} bytes before ${from} are no longer kept]` : '',
      begin > from ? `[bytes ${from}-${begin} are left out: ${call(more, { ...all, from })}]` : '',
      text,
      end < next ? `[${grouped(next - end)} more bytes: ${call(more, follow)}]` : '',
      alive && end === next ? `[what follows: ${call(more, follow)}]` : '',
    ],
    ['success', 'scrollback'],
  )
}

interface Range {
  readonly from: number
  readonly next: number
  /** True if the client reads on from an offset, so that the beginning is shown. */
  readonly onward: boolean
}

interface Shown {
  readonly text: string
  readonly begin: number
  readonly end: number
}

function linesShown(body: Body, { from, next, onward }: Range): Shown {
  const stretch = { text: textOf(body, 'scrollback'), from, lossy: body['lossy'] === true }
  if (onward) {
    const lines = linesOf(stretch)
    const shown = lines.slice(0, fitting(lines, ROOM))
    return { text: joined(shown), begin: from, end: shown.length === lines.length ? next : (shown.at(-1)?.to ?? from) }
  }
  const lines = linesOf({ ...stretch, to: next })
  const shown = lines.slice(lines.length - fitting(lines.toReversed(), ROOM))
  return { text: joined(shown), begin: shown.length === lines.length ? from : (shown[0]?.from ?? from), end: next }
}

/** Returns whole groups of four characters of base64, which are three bytes each. */
function bytesShown(body: Body, { from, next, onward }: Range): Shown {
  const text = textOf(body, 'scrollback')
  const groups = Math.floor(ROOM / 4)
  if (text.length <= groups * 4) return { text, begin: from, end: next }
  const skipped = onward ? 0 : Math.ceil(text.length / 4) - groups
  const begin = from + skipped * 3
  return { text: text.slice(skipped * 4, (skipped + groups) * 4), begin, end: onward ? begin + groups * 3 : next }
}
