// The numbers of a terminal: its window, how much of its output is shown again, its id. Pure; the limits are those of
// protocol.md#scrollback.

import { Fault, quote } from '../../base/fault.ts'
import type { WindowSize } from '../../native/pty.ts'

/** Window unless another is asked for: that of old terminals, which programs take for granted. */
export const USUAL_WINDOW: WindowSize = { cols: 80, rows: 24 }
/** Most columns or rows (P-12). */
export const MOST_CELLS = 1000

/** Bytes of scrollback (protocol.md#scrollback): unless another number is asked for, and at most. */
export const USUAL_SCROLLBACK = 65_536
export const MOST_SCROLLBACK = 262_144

/** Largest id: an id is one byte of a frame, and 0 is not given. */
const MOST_ID = 255

/** Throws `bad_request` that names the side that is out of bounds. */
export function checkedWindow(cols: number, rows: number): WindowSize {
  for (const [field, value] of Object.entries({ cols, rows })) {
    if (Number.isInteger(value) && value >= 1 && value <= MOST_CELLS) continue
    const sentence = `${field} is ${quote(value)}; accepted is an integer from 1 to ${MOST_CELLS}`
    throw new Fault('bad_request', sentence, { details: { field, got: value } })
  }
  return { cols, rows }
}

/** Returns the scrollback for a number asked for; 0 and none stand for the usual (protocol.md#scrollback). */
export function scrollbackSize(wanted: number | undefined): number {
  if (wanted === undefined || wanted === 0) return USUAL_SCROLLBACK
  return Math.min(Math.max(1, wanted), MOST_SCROLLBACK)
}

/**
 * Returns the next free id after the last given, round and round (protocol.md#scrollback); undefined if none is free.
 */
export function nextId(last: number, taken: (id: number) => boolean): number | undefined {
  for (let step = 0; step < MOST_ID; step++) {
    const id = ((last + step) % MOST_ID) + 1
    if (!taken(id)) return id
  }
  return undefined
}
