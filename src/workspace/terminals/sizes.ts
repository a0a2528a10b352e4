// The numbers a terminal is given: its window, how much of its output is shown again, and the id it gets.
// Pure, and with the limits of protocol.md#scrollback.

import { Fault, quote } from '../../base/fault.ts'
import type { WindowSize } from '../../native/pty.ts'

/** What terminals of old have, and what programs take for granted. */
export const USUAL_WINDOW: WindowSize = { cols: 80, rows: 24 }
/** Columns or rows (P-12). */
export const MOST_CELLS = 1000

/** Bytes of scrollback (protocol.md#scrollback): unless said otherwise, and at most. */
export const USUAL_SCROLLBACK = 65_536
export const MOST_SCROLLBACK = 262_144

/** An id is one byte of a frame; 0 is not given. */
export const MOST_ID = 255

/** Throws bad_request naming the side that is out of bounds. */
export function checkedWindow(cols: number, rows: number): WindowSize {
  for (const [field, value] of Object.entries({ cols, rows })) {
    if (Number.isInteger(value) && value >= 1 && value <= MOST_CELLS) continue
    const sentence = `${field} is ${quote(value)}; accepted is an integer from 1 to ${MOST_CELLS}`
    throw new Fault('bad_request', sentence, { details: { field, got: value } })
  }
  return { cols, rows }
}

/** The scrollback that a wish amounts to; 0 and nothing stand for the usual (protocol.md#scrollback). */
export function scrollbackSize(wanted: number | undefined): number {
  if (wanted === undefined || wanted === 0) return USUAL_SCROLLBACK
  return Math.min(Math.max(1, wanted), MOST_SCROLLBACK)
}

/** The next free id after the last given, round and round (protocol.md#scrollback); undefined where none is. */
export function nextId(last: number, taken: (id: number) => boolean): number | undefined {
  for (let step = 0; step < MOST_ID; step++) {
    const id = ((last + step) % MOST_ID) + 1
    if (!taken(id)) return id
  }
  return undefined
}
