// Fits a watcher's changes into one message. Changes that do not fit are left for the next call, and the cursor is set
// back to before them: a cursor behind them would lose them.

import { jsonBytes } from '../base/json-size.ts'
import type { Fields, Fit } from '../operation.ts'
import { cursorBefore } from '../workspace/watchers/watcher.ts'
import { textIn } from './fit-fields.ts'

/** Bytes reserved for the cursor and for the call that goes on. */
const MARKS = 500

export const changesFit: Fit = {
  cut(came, room) {
    const changes = (came['changes'] ?? []) as readonly unknown[] // the operation's own output
    let free = room - jsonBytes({ ...came, changes: [] }) - MARKS
    const over = changes.findIndex((change, i) => (free -= jsonBytes(change) + 1) < 0 && i > 0)
    if (over === -1) return came
    const cursor = cursorBefore(textIn(came, 'cursor'), changes.length - over)
    return { ...came, changes: changes.slice(0, over), count: over, cursor, more: true }
  },
  marks: goesOn,
  rest: goesOn,
}

function goesOn(shown: Fields, asked: Fields): Fields {
  if (shown['more'] !== true) return {}
  const { wait_seconds: _waited, ...again } = asked
  return { next: { tool: 'watcher_get', arguments: { ...again, since: textIn(shown, 'cursor') } } }
}
