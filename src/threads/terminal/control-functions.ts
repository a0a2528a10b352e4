// Does what escape and control sequences do to the state of a screen (ECMA-48, xterm's ctlseqs). Each is given
// complete, with its numbers. A sequence that changes cells alone does nothing here. Pure.

import { setLook, type Numbers } from './look.ts'
import { index, inside, moveBy, moveRows, repeatLast, reverseIndex, tab } from './screen-moves.ts'
import {
  clamp,
  freshScreen,
  home,
  moveTo,
  restoreCursor,
  saveCursor,
  setKeys,
  setMargins,
  setPrivateMode,
  SIDE_MARGINS,
  sideOf,
  softReset,
  type ScreenState,
} from './screen-state.ts'

/** Largest number that counts: more than any screen has. */
const MOST = 0x3fff_ffff
const MOST_STYLE = 6
/** Characters between ESC and the last one that names a character set. */
const LONGEST_SET = 2

export interface Sequence extends Numbers {
  /** `<`, `=`, `>` or `?` before the numbers, or nothing. */
  readonly prefix: string
  /** Characters before the final one. */
  readonly between: string
  final: string
}

export function runSequence(state: ScreenState, sequence: Sequence): void {
  const { prefix, between, final, list, count } = sequence
  const repeated = state.last
  state.last = 0
  if (final === 'm' && prefix === '' && between === '') setLook(state.cursor.look, sequence)
  else if (between === ' ' && final === 'q') state.style = clamp(list[0] ?? 0, 0, MOST_STYLE)
  else if (between === '!' && final === 'p') softReset(state)
  else if (between !== '') return
  else if (prefix === '?' && (final === 'h' || final === 'l')) {
    for (let at = 0; at < count; at++) setPrivateMode(state, list[at] ?? 0, final === 'h')
  } else if (prefix !== '' && final === 'u') setKeys(state, prefix, list[0] ?? 0, list[1] ?? 0)
  else if (prefix === '>' && final === 'm') {
    if (count === 0 || list[0] === 4) state.otherKeys = list[1] ?? 0
  } else if (prefix === '>' && final === 'n') state.otherKeys = 0
  else if (prefix !== '') return
  else if (final === 'b') {
    state.last = repeated
    repeatLast(state, Math.max(1, list[0] ?? 0))
    state.last = 0
  } else if (final === 'h' || final === 'l') setModes(state, sequence)
  else move(state, sequence)
}

function setModes(state: ScreenState, { list, count, final }: Sequence): void {
  for (let at = 0; at < count; at++) {
    if (list[at] === 4) state.insert = final === 'h'
    else if (list[at] === 20) state.newline = final === 'h'
  }
}

function move(state: ScreenState, { final, list }: Sequence): void {
  const first = Math.min(Math.max(1, list[0] ?? 0), MOST)
  const { cursor } = state
  if (final === 'A') moveRows(state, -first)
  else if (final === 'B') moveRows(state, first)
  else if (final === 'C' || final === 'a') moveBy(state, first, 0)
  else if (final === 'D') moveBy(state, -first, 0)
  else if (final === 'E' || final === 'F') {
    moveRows(state, final === 'E' ? first : -first)
    cursor.x = 0
  } else if (final === 'G' || final === '`') moveBy(state, first - 1 - Math.min(cursor.x, state.cols - 1), 0)
  else if (final === 'd') moveTo(state, cursor.x, first - 1)
  else if (final === 'e') moveBy(state, 0, first)
  else if (final === 'H' || final === 'f') moveTo(state, Math.max(1, list[1] ?? 0) - 1, first - 1)
  else if (final === 'I' || final === 'Z') tab(state, final === 'I' ? first : -first)
  else if (final === '@' || final === 'P' || final === 'X') inside(state)
  else if (final === 'L' || final === 'M') toLineStart(state)
  else if (final === 'r') setMargins(state, list[0] ?? 0, list[1] ?? 0)
  else if (final === 'u') restoreCursor(state)
  else if (final === 's') setSides(state, list)
}

/** IL and DL, within the margins. */
function toLineStart(state: ScreenState): void {
  const { cursor } = state
  const { top, bottom } = sideOf(state)
  inside(state)
  if (cursor.y >= top && cursor.y <= bottom) cursor.x = 0
}

/** With the mode of side margins DECSLRM; without it the cursor is saved. */
function setSides(state: ScreenState, list: Int32Array): void {
  if (state.modes[SIDE_MARGINS] !== true) return saveCursor(state)
  const left = clamp(list[0] ?? 0, 1, state.cols)
  const right = clamp(list[1] === 0 ? state.cols : (list[1] ?? 0), 1, state.cols)
  if (right <= left) return
  state.sideMargins = `${left};${right}`
  home(state)
}

/** Runs ESC, perhaps one character between, and the final one. */
export function runEscape(state: ScreenState, between: string, final: string): void {
  const { cursor } = state
  state.last = 0
  if (between !== '') {
    const set = '()*+'.indexOf(between[0] ?? '')
    if (set >= 0 && between.length <= LONGEST_SET) cursor.sets[set] = between.slice(1) + final
    else if (between === '#' && final === '8') moveTo(state, 0, 0)
    return
  }
  if (final === '7') saveCursor(state)
  else if (final === '8') restoreCursor(state)
  else if (final === '=' || final === '>') state.keypad = final === '='
  else if (final === 'n' || final === 'o') cursor.shift = final === 'n' ? 2 : 3
  else if (final === 'c') Object.assign(state, freshScreen(state.cols, state.rows))
  else runShort(state, final)
}

/** Runs what ESC with a letter and the one character of C1 have in common. */
export function runShort(state: ScreenState, letter: string): void {
  state.last = 0
  if (letter === 'D') index(state)
  else if (letter === 'M') reverseIndex(state)
  else if (letter === 'E') {
    state.cursor.x = 0
    index(state)
  }
}
