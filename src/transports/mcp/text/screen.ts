// What a terminal printed, for a model: cleaned lines, the newest where there are too many, and the call that
// shows what follows. A program that draws with the cursor is shown as what it printed, not as its screen.

import { fitting, joined, linesOf } from './output-lines.ts'
import { grouped, HINT_CHARACTERS, RESULT_CHARACTERS } from './limits.ts'
import { call, countOf, textOf, textView, type Subject, type View } from './view.ts'

const ROOM = RESULT_CHARACTERS - HINT_CHARACTERS

export function screenView({ body, asked, more }: Subject): View {
  const from = countOf(body, 'from') ?? 0
  const next = countOf(body, 'next') ?? 0
  const gap = countOf(body, 'gap_bytes') ?? 0
  const exact = body['encoding'] !== 'text'
  const lines = exact
    ? []
    : linesOf({ text: textOf(body, 'scrollback'), from, lossy: body['lossy'] === true, to: next })
  const shown = lines.slice(lines.length - fitting(lines.toReversed(), ROOM))
  const begin = shown[0]?.from ?? from
  const alive = body['alive'] === true
  const state = alive ? 'The terminal is alive.' : `The terminal has ended with code ${String(body['exit_code'])}.`
  const follow = { ...asked, from: next, wait_seconds: 20 }
  return textView(
    [
      `${state} Bytes ${begin}-${next} of what it printed${exact ? ', as base64' : ''}:`,
      gap > 0 ? `[${grouped(gap)} bytes before ${from} are no longer kept]` : '',
      exact ? textOf(body, 'scrollback').slice(0, ROOM) : joined(shown),
      alive ? `[what follows: ${call(more, follow)}]` : undefined,
    ],
    ['success', 'scrollback'],
  )
}
