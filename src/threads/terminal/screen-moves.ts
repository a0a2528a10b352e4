// Moves the cursor of a screen as printed characters, line ends and tabs do. Cells are not kept, so a run of characters
// of any length is one step. Pure.

import { clamp, sideOf, WRAP, type ScreenState } from './screen-state.ts'

const TAB = 8

/** Prints `count` characters of one cell each. */
export function printNarrow(state: ScreenState, count: number): void {
  const { cursor, cols } = state
  const end = cursor.x + count
  state.last = 1
  if (end <= cols || state.modes[WRAP] === false) {
    cursor.x = Math.min(end, cols)
    return
  }
  const lines = Math.ceil((end - cols) / cols)
  cursor.x = end - lines * cols
  moveDown(state, lines)
}

export function printOne(state: ScreenState, width: 0 | 1 | 2): void {
  const { cursor, cols } = state
  if (width === 0) return
  if (cursor.x + width > cols) {
    if (state.modes[WRAP] === false) {
      cursor.x = cols - 1
      if (width === 2) return
    } else {
      cursor.x = 0
      moveDown(state, 1)
    }
  }
  cursor.x += width
  state.last = width
}

/** REP: prints the last character again. */
export function repeatLast(state: ScreenState, count: number): void {
  const width = state.last
  if (width === 1) printNarrow(state, count)
  else if (width === 2) for (let left = Math.min(count, state.cols * state.rows); left > 0; left--) printOne(state, 2)
}

/** Moves down. At the bottom margin the lines scroll instead; below it the cursor stops at the last row. */
function moveDown(state: ScreenState, lines: number): void {
  const { cursor, rows } = state
  const { bottom } = sideOf(state)
  cursor.y = Math.min(cursor.y + lines, cursor.y <= bottom ? bottom : rows - 1)
}

/** IND, LF. */
export function index(state: ScreenState): void {
  moveDown(state, 1)
  inside(state)
}

/** RI. */
export function reverseIndex(state: ScreenState): void {
  inside(state)
  const { cursor } = state
  if (cursor.y !== sideOf(state).top) cursor.y = Math.max(0, cursor.y - 1)
}

/** Moves to the bottom: at least as many line ends have come as there are rows. */
export function toBottom(state: ScreenState): void {
  moveDown(state, state.rows)
}

/** Moves the cursor from behind a full line onto its last cell. */
export function inside(state: ScreenState): void {
  state.cursor.x = Math.min(state.cursor.x, state.cols - 1)
}

/** Moves within the screen. */
export function moveBy(state: ScreenState, x: number, y: number): void {
  inside(state)
  const { cursor } = state
  cursor.x = clamp(cursor.x + x, 0, state.cols - 1)
  cursor.y = clamp(cursor.y + y, 0, state.rows - 1)
}

/** CUU, CUD: from inside the margins not beyond them. */
export function moveRows(state: ScreenState, count: number): void {
  const { top, bottom } = sideOf(state)
  const { y } = state.cursor
  const least = y >= top ? top : 0
  const most = y <= bottom ? bottom : state.rows - 1
  moveBy(state, 0, clamp(y + count, least, most) - y)
}

/** Moves to the next tab stop, or back to the one before; stops are at every eighth column. */
export function tab(state: ScreenState, count: number): void {
  const { cursor, cols } = state
  if (cursor.x >= cols) return
  const stop = count > 0 ? Math.floor(cursor.x / TAB) + count : Math.ceil(cursor.x / TAB) + count
  cursor.x = clamp(stop * TAB, 0, cols - 1)
}

/** Runs a control character below 0x20, or 0x7f. */
export function control(state: ScreenState, code: number): void {
  const { cursor } = state
  state.last = 0
  if (code === 0x0d) cursor.x = 0
  else if (code >= 0x0a && code <= 0x0c) {
    if (state.newline) cursor.x = 0
    index(state)
  } else if (code === 0x08) {
    inside(state)
    cursor.x = Math.max(0, cursor.x - 1)
  } else if (code === 0x09) tab(state, 1)
  else if (code === 0x0e) cursor.shift = 1
  else if (code === 0x0f) cursor.shift = 0
}
