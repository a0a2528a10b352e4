// Reads what a terminal prints and keeps the state of its screen: it finds characters, control characters and sequences
// (the states of ECMA-48 parsers, UTF-8, C1 as two bytes) and runs them. It may begin and stop anywhere: a sequence
// that is not complete is held, a few hundred bytes at most. In a flood it looks only at the end of long runs of lines.

import { widthOf } from './character-width.ts'
import { runEscape, runSequence, runShort, type Sequence } from './control-functions.ts'
import { control, printNarrow, printOne, toBottom } from './screen-moves.ts'
import type { ScreenState } from './screen-state.ts'

const ESC = 0x1b
const CAN = 0x18
const SUB = 0x1a
const BEL = 0x07
const CR = 0x0d
const LF = 0x0a
/** Bytes that end an incomplete sequence, which is given up. A byte above 0x7f does so too. */
const ENDS: ReadonlySet<number> = new Set([ESC, CAN, SUB])
/** First byte of the control characters 0x80 to 0x9f in UTF-8. */
const C1 = 0xc2
/** Numbers of a sequence that are looked at. */
const MOST_NUMBERS = 32
const LARGEST = 0x3fff_ffff
/** Bytes that are held of a sequence; a longer one is passed over. */
const MOST_HELD = 256
const NEAR = 48
/** Character of each byte below 128. */
const FINALS: readonly string[] = Array.from({ length: 128 }, (_, byte) => String.fromCharCode(byte))
/** Shortest run that is worth a look for its last lines. */
const LONG_RUN = 1024

export class ScreenTracker {
  state: ScreenState
  readonly #list = new Int32Array(MOST_NUMBERS + 1)
  /** One object for all sequences of numbers only: output may be full of them. */
  readonly #usual: Sequence = { prefix: '', between: '', final: '', list: this.#list, count: 0, colons: 0 }

  constructor(state: ScreenState) {
    this.state = state
  }

  feed(bytes: Uint8Array): void {
    const { state } = this
    const fresh = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const whole = state.held === '' ? fresh : Buffer.concat([Buffer.from(state.held, 'latin1'), fresh])
    state.held = ''
    for (let at = 0; at < whole.length;) {
      const next = this.#step(whole, at)
      if (next === undefined) {
        if (whole.length - at <= MOST_HELD) state.held = whole.toString('latin1', at)
        else state.inside = 'csi' // only a control sequence may be that long without being passed over
        return
      }
      at = next
    }
  }

  /** Runs what begins at `at`. Returns where the next thing begins; undefined if the end is not there yet. */
  #step(bytes: Buffer, at: number): number | undefined {
    if (this.state.inside !== '') return this.#passOver(bytes, at)
    const second = bytes[at + 1] ?? 0
    if (bytes[at] === ESC) return second === 0x5b ? this.#sequence(bytes, at + 2) : this.#escape(bytes, at)
    if (bytes[at] === C1 && second >= 0x80 && second < 0xa0) return this.#c1(bytes, at + 2, second)
    return this.#text(bytes, at, nextEscape(bytes, at))
  }

  /** Prints characters up to `stop`, which is an ESC or the end, or up to a character of C1. */
  #text(bytes: Buffer, begin: number, stop: number): number | undefined {
    const { state } = this
    let at = stop - begin > LONG_RUN ? this.#lastLines(bytes, begin, stop) : begin
    while (at < stop) {
      const byte = bytes[at] ?? 0
      if (byte >= 0x20 && byte < 0x7f) {
        let end = at + 1
        while (end < stop && (bytes[end] ?? 0) >= 0x20 && (bytes[end] ?? 0) < 0x7f) end++
        printNarrow(state, end - at)
        at = end
      } else if (byte < 0x80) {
        if (byte !== 0x7f) control(state, byte)
        at++
      } else {
        const length = lengthOf(bytes, at, stop)
        if (length === 0) return stop < bytes.length ? stop : at > begin ? at : undefined
        const code = codeAt(bytes, at, length)
        if (code >= 0xa0) printOne(state, widthOf(code))
        else if (code >= 0x80) return at
        at += length
      }
    }
    return at
  }

  /**
   * Skips lines whose effect is known: behind as many line ends as there are rows the cursor is at the bottom, and
   * behind a carriage return at the left. Returns where the rest begins.
   */
  #lastLines(bytes: Buffer, begin: number, stop: number): number {
    const { state } = this
    const last = bytes.lastIndexOf(CR, stop - 1)
    if (last < begin) return begin
    let end = last
    for (let lines = 0; lines < state.rows; lines++) {
      if (end <= begin) return begin
      end = bytes.lastIndexOf(LF, end - 1)
      if (end < begin) return begin
    }
    for (let at = bytes.indexOf(C1, begin); at !== -1 && at < last; at = bytes.indexOf(C1, at + 2)) {
      const second = bytes[at + 1] ?? 0
      if (second >= 0x80 && second < 0xa0) return begin
    }
    const out = bytes.lastIndexOf(0x0e, last)
    const back = bytes.lastIndexOf(0x0f, last)
    if (Math.max(out, back) >= begin) state.cursor.shift = out > back ? 1 : 0
    toBottom(state)
    control(state, CR)
    return last + 1
  }

  /** Runs a control character of C1; `at` is behind it. */
  #c1(bytes: Buffer, at: number, code: number): number | undefined {
    if (code === 0x9b) return this.#sequence(bytes, at)
    if (code === 0x9d) return this.#string(bytes, at, 'osc')
    if (code === 0x90 || code === 0x98 || code === 0x9e || code === 0x9f) return this.#string(bytes, at, 'string')
    runShort(this.state, String.fromCharCode(code - 0x40))
    return at
  }

  #escape(bytes: Buffer, at: number): number | undefined {
    let end = at + 1
    while (end < bytes.length && (bytes[end] ?? 0) < 0x30 && !ENDS.has(bytes[end] ?? 0)) end++
    const final = bytes[end]
    if (final === undefined) return undefined
    this.#controls(bytes, at + 1, end)
    if (final === ESC || final > 0x7f) return end
    if (final < 0x30 || final === 0x7f) return end + 1
    const between = bytes.toString('latin1', at + 1, end).replaceAll(/[^ -/]/g, '')
    if (between === '') {
      if (final === 0x5b) return this.#sequence(bytes, end + 1)
      if (final === 0x5d) return this.#string(bytes, end + 1, 'osc')
      if (final === 0x50 || final === 0x58 || final === 0x5e || final === 0x5f) {
        return this.#string(bytes, end + 1, 'string')
      }
    }
    runEscape(this.state, between, String.fromCharCode(final))
    return end + 1
  }

  /** Runs what follows CSI, in one go if it is of the usual form, as output may be full of them. */
  #sequence(bytes: Buffer, begin: number): number | undefined {
    const list = this.#list
    let count = 0
    let value = 0
    for (let at = begin; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte >= 0x30 && byte <= 0x39) value = Math.min(LARGEST, value * 10 + byte - 0x30)
      else if (byte === 0x3b && count < MOST_NUMBERS - 1) {
        list[count++] = value
        value = 0
      } else if (byte < 0x40 || byte >= 0x7f) return this.#unusual(bytes, begin)
      else {
        list[count] = value
        list[count + 1] = 0
        const numbers = count === 0 && at === begin ? 0 : count + 1
        this.#usual.count = numbers
        this.#usual.final = FINALS[byte] ?? ''
        runSequence(this.state, this.#usual)
        return at + 1
      }
    }
    return undefined
  }

  #unusual(bytes: Buffer, begin: number): number | undefined {
    let at = begin
    while (at < bytes.length && (bytes[at] ?? 0) < 0x40 && !ENDS.has(bytes[at] ?? 0)) at++
    const final = bytes[at]
    if (final === undefined) return undefined
    this.#controls(bytes, begin, at)
    if (final === ESC || final > 0x7f) return at
    if (final >= 0x40 && final < 0x7f) this.#run(bytes, begin, at)
    return at + 1
  }

  /** Runs control characters in the middle of a sequence at once. */
  #controls(bytes: Buffer, begin: number, end: number): void {
    for (let at = begin; at < end; at++) if ((bytes[at] ?? 0) < 0x20) control(this.state, bytes[at] ?? 0)
  }

  /** Runs the control sequence whose numbers begin at `begin` and whose last character is at `end`. */
  #run(bytes: Buffer, begin: number, end: number): void {
    let prefix = ''
    let between = ''
    let count = 0
    let colons = 0
    const list = this.#list.fill(0)
    for (let at = begin; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte >= 0x30 && byte <= 0x39) {
        if (count === 0) count = 1
        if (count <= MOST_NUMBERS) list[count - 1] = Math.min(LARGEST, (list[count - 1] ?? 0) * 10 + byte - 0x30)
      } else if (byte === 0x3b || byte === 0x3a) {
        count = Math.max(count, 1) + 1
        if (byte === 0x3a && count <= MOST_NUMBERS) colons |= 1 << (count - 1)
      } else if (byte >= 0x3c) prefix += String.fromCharCode(byte)
      else if (byte >= 0x20) between += String.fromCharCode(byte)
    }
    if (prefix.length > 1) return
    const final = FINALS[bytes[end] ?? 0] ?? ''
    runSequence(this.state, { prefix, between, final, list, count: Math.min(count, MOST_NUMBERS), colons })
  }

  #isOutside(): boolean {
    return this.state.inside === ''
  }

  /**
   * Takes a string. A short one is held until its end comes, so that nothing of it is lost; a long one is passed over.
   */
  #string(bytes: Buffer, begin: number, kind: 'osc' | 'string'): number | undefined {
    this.state.inside = kind
    const end = this.#passOver(bytes, begin)
    if (this.#isOutside() || bytes.length - begin > MOST_HELD / 2) return end
    this.state.inside = ''
    return undefined
  }

  /** Passes over the rest of a string, or of a control sequence that is too long. */
  #passOver(bytes: Buffer, begin: number): number | undefined {
    const { state } = this
    for (let at = begin; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte === C1 && at + 1 === bytes.length) return at > begin ? at : undefined
      const ends =
        byte === ESC ||
        byte === CAN ||
        byte === SUB ||
        (byte === BEL && state.inside === 'osc') ||
        (state.inside === 'csi' && byte >= 0x40) ||
        (byte === 0x9c && bytes[at - 1] === C1)
      if (!ends) continue
      state.inside = ''
      state.last = 0
      return byte === ESC ? at : at + 1
    }
    return bytes.length
  }
}

/** Returns where the next ESC is, or the end; a near one is found faster without a call. */
function nextEscape(bytes: Buffer, begin: number): number {
  const near = Math.min(bytes.length, begin + NEAR)
  for (let at = begin; at < near; at++) if (bytes[at] === ESC) return at
  const far = bytes.indexOf(ESC, near)
  return far === -1 ? bytes.length : far
}

/** Returns the length of the character at `at`; 1 if it is none, 0 if its end is missing. */
function lengthOf(bytes: Buffer, at: number, stop: number): number {
  const first = bytes[at] ?? 0
  const length = first >= 0xf8 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1
  for (let index = 1; index < length; index++) {
    if (at + index >= stop) return 0
    if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) return index
  }
  return length
}

/** Returns the character, or 0 if the bytes are none: terminals leave such bytes out. */
function codeAt(bytes: Buffer, at: number, length: number): number {
  const first = bytes[at] ?? 0
  const needs = first >= 0xf8 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0
  if (length !== needs) return 0
  let code = first & (0xff >> (length + 1))
  for (let index = 1; index < length; index++) code = (code << 6) | ((bytes[at + index] ?? 0) & 0x3f)
  const least = length === 4 ? 0x1_0000 : length === 3 ? 0x800 : 0x80
  return code < least || code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : code
}
