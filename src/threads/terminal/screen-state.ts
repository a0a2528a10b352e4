// The settings of a terminal's screen: cursor, margins, modes, which screen, character sets, looks. Everything but the
// cells, so it is a few hundred bytes and plain: it is stored as JSON between two slices. Where terminals differ, it
// does as xterm.js does. Pure.

import { PLAIN, type TextLook } from './look.ts'

export interface Cursor {
  /** Column from 0. Equal to the number of columns: the line is full, and the next character begins another. */
  x: number
  y: number
  look: TextLook
  sets: string[]
  /** Index of the set in use. */
  shift: number
}

/** Settings that each of the two screens has separately. */
export interface ScreenSide {
  top: number
  bottom: number
  saved: Cursor | undefined
  /** Flags of kitty's keyboard protocol, the newest last. */
  keys: number[]
}

export interface ScreenState {
  cols: number
  rows: number
  cursor: Cursor
  /** The usual screen and the alternate one. */
  sides: [ScreenSide, ScreenSide]
  /** Private mode that switched to the alternate screen; 0: the usual one is shown. */
  alternate: number
  /** Private modes that were set or reset and that depend on no other, by number. */
  modes: Record<number, boolean>
  /** The mode that was set last of those that exclude each other; 0: none. */
  mouse: number
  mouseForm: number
  insert: boolean
  newline: boolean
  keypad: boolean
  /** Style of the cursor, as in DECSCUSR; -1: never set. */
  style: number
  /** Value of modifyOtherKeys. */
  otherKeys: number
  /** Left and right margin, as in DECSLRM; empty: none. */
  sideMargins: string
  /** Width of the character printed last, for its repetition; 0: something else came after it. */
  last: number
  /** Kind of the sequence whose contents are being passed over; empty: none. */
  inside: '' | 'osc' | 'string' | 'csi'
  /** Beginning of a sequence or character that is not complete yet, as Latin-1. */
  held: string
}

/** Flags of the keyboard that are kept; programs nest two or three deep. */
const MOST_KEYS = 8
const USUAL_SETS = ['B', 'B', 'B', 'B']

/** Private modes that depend on no other: all that today's terminals know and that neither clear nor resize. */
const MODES: ReadonlySet<number> = new Set([
  1, 5, 6, 7, 8, 12, 25, 45, 67, 69, 1004, 1007, 1034, 1035, 1036, 1039, 1042, 1043, 1070, 2004, 2026, 2027, 2031, 2048,
  5522, 7727, 9001,
])
const MOUSE: ReadonlySet<number> = new Set([9, 1000, 1001, 1002, 1003])
const MOUSE_FORM: ReadonlySet<number> = new Set([1005, 1006, 1015, 1016])
const ALTERNATE: ReadonlySet<number> = new Set([47, 1047, 1049])
export const ORIGIN = 6
export const WRAP = 7
export const SIDE_MARGINS = 69
const KEYPAD = 66
const SAVE_CURSOR = 1048
const SAVING_ALTERNATE = 1049

const usualCursor = (): Cursor => ({ x: 0, y: 0, look: { ...PLAIN }, sets: [...USUAL_SETS], shift: 0 })
const usualSide = (rows: number): ScreenSide => ({ top: 0, bottom: rows - 1, saved: undefined, keys: [] })

/** Returns the state of a terminal that has just been switched on. */
export function freshScreen(cols: number, rows: number): ScreenState {
  return {
    cols,
    rows,
    cursor: usualCursor(),
    sides: [usualSide(rows), usualSide(rows)],
    alternate: 0,
    modes: {},
    mouse: 0,
    mouseForm: 0,
    insert: false,
    newline: false,
    keypad: false,
    style: -1,
    otherKeys: 0,
    sideMargins: '',
    last: 0,
    inside: '',
    held: '',
  }
}

export const sideOf = (state: ScreenState): ScreenSide => state.sides[state.alternate === 0 ? 0 : 1]

/** Takes a new size of the window: margins go, and a cursor outside comes in. */
export function resizeScreen(state: ScreenState, cols: number, rows: number): void {
  const { cursor } = state
  state.cols = cols
  state.rows = rows
  cursor.x = Math.min(cursor.x, cols - 1)
  cursor.y = Math.min(cursor.y, rows - 1)
  for (const side of state.sides) {
    side.top = 0
    side.bottom = rows - 1
  }
}

export function saveCursor(state: ScreenState): void {
  const { x, y, look, sets, shift } = state.cursor
  sideOf(state).saved = { x: Math.min(x, state.cols - 1), y, look: { ...look }, sets: [...sets], shift }
}

export function restoreCursor(state: ScreenState): void {
  const saved = sideOf(state).saved ?? usualCursor()
  const { look, sets, shift } = saved
  const x = Math.min(saved.x, state.cols - 1)
  const y = Math.min(saved.y, state.rows - 1)
  state.cursor = { x, y, look: { ...look }, sets: [...sets], shift }
}

/** DECSET and DECRST of one number. */
export function setPrivateMode(state: ScreenState, mode: number, on: boolean): void {
  if (MODES.has(mode)) state.modes[mode] = on
  if (MOUSE.has(mode)) state.mouse = on ? mode : 0
  else if (MOUSE_FORM.has(mode)) state.mouseForm = on ? mode : 0
  else if (ALTERNATE.has(mode)) showAlternate(state, mode, on)
  else if (mode === SAVE_CURSOR) (on ? saveCursor : restoreCursor)(state)
  else if (mode === KEYPAD) state.keypad = on
  else if (mode === ORIGIN) home(state)
  else if (mode === SIDE_MARGINS) state.sideMargins = ''
}

function showAlternate(state: ScreenState, mode: number, on: boolean): void {
  if (on && mode === SAVING_ALTERNATE) saveCursor(state)
  if (on && state.alternate === 0) {
    const [, alternate] = state.sides
    alternate.top = 0
    alternate.bottom = state.rows - 1
  }
  state.alternate = on ? mode : 0
  if (!on && mode === SAVING_ALTERNATE) restoreCursor(state)
}

/** CUP: moves the cursor; columns and rows from 0, with the origin mode in the rows of the margins. */
export function moveTo(state: ScreenState, x: number, y: number): void {
  const origin = state.modes[ORIGIN] === true
  const { top, bottom } = sideOf(state)
  state.cursor.x = clamp(x, 0, state.cols - 1)
  state.cursor.y = origin ? clamp(y + top, top, bottom) : clamp(y, 0, state.rows - 1)
}

export const home = (state: ScreenState): void => moveTo(state, 0, 0)

/** DECSTBM: rows from 1, both inclusive; 0: the edge. */
export function setMargins(state: ScreenState, top: number, bottom: number): void {
  const last = bottom === 0 || bottom > state.rows ? state.rows : bottom
  const first = Math.max(1, top)
  if (last <= first) return
  const side = sideOf(state)
  side.top = first - 1
  side.bottom = last - 1
  home(state)
}

/** DECSTR. The mouse and the screen stay as they are. */
export function softReset(state: ScreenState): void {
  const side = sideOf(state)
  side.top = 0
  side.bottom = state.rows - 1
  side.saved = undefined
  state.modes = {}
  state.insert = false
  state.keypad = false
  state.cursor = { ...usualCursor(), x: state.cursor.x, y: state.cursor.y }
}

/** Sets the flags of kitty's keyboard protocol: `>` adds, `<` takes away, `=` changes the newest. */
export function setKeys(state: ScreenState, prefix: string, first: number, second: number): void {
  const { keys } = sideOf(state)
  if (prefix === '>') {
    keys.push(first)
    if (keys.length > MOST_KEYS) keys.shift()
  } else if (prefix === '<') keys.length = Math.max(0, keys.length - Math.max(1, first))
  else if (prefix === '=') {
    const now = keys.pop() ?? 0
    keys.push(second === 2 ? now | first : second === 3 ? now & ~first : first)
  }
}

export function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, most))
}
