// The prelude: bytes that bring a fresh terminal into the state of a screen, cells left out. A client gets it before
// output that does not begin with the terminal's first byte. At most 1 KiB. Pure.

import { lookSequence } from './look.ts'
import { ORIGIN, SIDE_MARGINS, WRAP, type Cursor, type ScreenState, type ScreenSide } from './screen-state.ts'

/** Most bytes of a prelude. */
export const PRELUDE_BYTES = 1024

const CSI = '\x1b['
const SAVE = '\x1b7'
/** Mode of the alternate screen without anything else. */
const PLAIN_ALTERNATE = 47
const SET = '()*+'
/** Begins the sequence that the output is inside of, as one that terminals pass over. */
const OPEN = { '': '', osc: '\x1b]9999;', string: '\x1b_', csi: '\x1b[<<' } as const
const SHIFTS = ['\x0f', '\x0e', '\x1bn', '\x1bo']

export function preludeOf(state: ScreenState): Buffer {
  const [usual, alternate] = state.sides
  const cursors = [state.cursor, usual.saved, alternate.saved].filter((one) => one !== undefined)
  const sets = cursors.some((one) => one.sets.some((set) => set !== 'B'))
  const cursorOf = (cursor: Cursor): string[] => [...placeOf(state, cursor), ...writingOf(cursor, sets)]
  // First what leaves the cursor elsewhere: the margins, then what the usual screen keeps for later.
  const parts = [...sideOf(state, usual), ...(usual.saved === undefined ? [] : [...cursorOf(usual.saved), SAVE])]
  // The alternate screen keeps its cursor while the usual one is shown.
  const kept = alternate.saved === undefined ? [] : [...cursorOf(alternate.saved), SAVE]
  if (state.alternate !== 0) parts.push(`${CSI}?${state.alternate}h`, ...sideOf(state, alternate), ...kept)
  else if (kept.length > 0) parts.push(`${CSI}?${PLAIN_ALTERNATE}h`, ...kept, `${CSI}?${PLAIN_ALTERNATE}l`)
  parts.push(...modesOf(state), ...nowOf(state), ...writingOf(state.cursor, sets))
  // After the cursor was put at the end of a full line, which takes a character.
  if (state.modes[WRAP] === false) parts.push(`${CSI}?${WRAP}l`)
  if (state.insert) parts.push(`${CSI}4h`)
  const open = `${OPEN[state.inside]}${state.held}`
  return Buffer.from(`${shortened(parts, PRELUDE_BYTES - open.length)}${open}`, 'latin1')
}

/** Returns whole sequences, as far as there is room; a state that can be fits. */
function shortened(parts: readonly string[], room: number): string {
  let text = ''
  for (const part of parts) if (text.length + part.length <= room) text += part
  return text
}

function sideOf({ rows }: ScreenState, { top, bottom, keys }: ScreenSide): string[] {
  const whole = top === 0 && bottom === rows - 1
  return [whole ? `${CSI}r` : `${CSI}${top + 1};${bottom + 1}r`, ...keys.map((flags) => `${CSI}>${flags}u`)]
}

function modesOf(state: ScreenState): string[] {
  const { modes, mouse, mouseForm, style, otherKeys } = state
  const numbers = Object.keys(modes).filter((mode) => Number(mode) !== WRAP)
  const on = [...numbers.filter((mode) => modes[Number(mode)] === true), mouse, mouseForm].filter((mode) => mode !== 0)
  const off = numbers.filter((mode) => modes[Number(mode)] === false)
  return [
    ...(on.length === 0 ? [] : [`${CSI}?${on.join(';')}h`]),
    ...(off.length === 0 ? [] : [`${CSI}?${off.join(';')}l`]),
    ...(modes[SIDE_MARGINS] === true && state.sideMargins !== '' ? [`${CSI}${state.sideMargins}s`] : []),
    ...(state.newline ? [`${CSI}20h`] : []),
    ...(state.keypad ? ['\x1b='] : []),
    ...(style < 0 ? [] : [`${CSI}${style} q`]),
    ...(otherKeys === 0 ? [] : [`${CSI}>4;${otherKeys}m`]),
  ]
}

const placeOf = ({ cols }: ScreenState, { x, y }: Cursor): string[] => [`${CSI}${y + 1};${Math.min(x, cols - 1) + 1}H`]

/** With the origin mode, rows count from the margin. If the line is full, its last cell gets a character. */
function nowOf(state: ScreenState): string[] {
  const { cursor, cols } = state
  const { top } = state.sides[state.alternate === 0 ? 0 : 1]
  const y = state.modes[ORIGIN] === true ? cursor.y - top : cursor.y
  return [...placeOf(state, { ...cursor, y }), ...(cursor.x >= cols ? [`${CSI}m `] : [])]
}

/** `sets`: some cursor has other character sets than the usual. */
function writingOf(cursor: Cursor, sets: boolean): string[] {
  const named = cursor.sets.map((set, index) => `\x1b${SET[index]}${set}`)
  return [...(sets ? named : []), SHIFTS[cursor.shift] ?? '', lookSequence(cursor.look)]
}
