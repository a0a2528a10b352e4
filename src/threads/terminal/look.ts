// The look of the characters that a terminal prints next: weight, lines, colours, as the control sequence SGR (ECMA-48
// 8.3.117, and xterm's additions) sets them; kept as a few numbers, and returned as one such sequence. Pure.

/** Numbers of one control sequence. `colons`: bit i is set where number i was joined to the one before by a colon. */
export interface Numbers {
  readonly list: Int32Array
  count: number
  colons: number
}

export interface TextLook {
  /** Bit n is set if attribute n of SGR is on. */
  bits: number
  /** Style of the underline; 0: none. */
  line: number
  /** Colours: `kind << 24 | value`; 0: the usual. */
  fore: number
  back: number
  under: number
}

export const PLAIN: Readonly<TextLook> = { bits: 0, line: 0, fore: 0, back: 0, under: 0 }

/** Kinds of colour: one of the 16, one of the 256, red-green-blue. */
const OF_16 = 1 << 24
const OF_256 = 2 << 24
const RGB = 3 << 24

const OVERLINE = 53
const OVERLINE_BIT = 10
const FORE = 38
const BACK = 48
const UNDER = 58

export function setLook(look: TextLook, numbers: Numbers): void {
  const { list, count } = numbers
  for (let at = 0; at < Math.max(count, 1); at++) {
    const code = list[at] ?? 0
    if (code === FORE || code === BACK || code === UNDER) at = setColour(look, numbers, at)
    else if (code === 4 && isColon(numbers, at + 1)) look.line = list[++at] ?? 0
    else setOne(look, code)
    while (isColon(numbers, at + 1)) at++ // more of a kind that we do not know
  }
}

function isColon({ colons, count }: Numbers, at: number): boolean {
  return at < count && ((colons >>> at) & 1) === 1
}

function setOne(look: TextLook, code: number): void {
  if (code === 0) {
    look.bits = look.line = look.fore = look.back = look.under = 0
  } else if (code === 4) look.line = 1
  else if (code === 21) look.line = 2
  else if (code >= 1 && code <= 9) look.bits |= 1 << (code === 6 ? 5 : code)
  else if (code === 22) look.bits &= ~0b110
  else if (code === 24) look.line = 0
  else if (code >= 23 && code <= 29) look.bits &= ~(1 << (code - 20))
  else if (code === OVERLINE) look.bits |= 1 << OVERLINE_BIT
  else if (code === OVERLINE + 2) look.bits &= ~(1 << OVERLINE_BIT)
  else if (code === UNDER + 1) look.under = 0
  else setUsual(look, code)
}

function setUsual(look: TextLook, code: number): void {
  if (code >= 30 && code <= 37) look.fore = OF_16 | (code - 30)
  else if (code === 39) look.fore = 0
  else if (code >= 40 && code <= 47) look.back = OF_16 | (code - 40)
  else if (code === 49) look.back = 0
  else if (code >= 90 && code <= 97) look.fore = OF_16 | (code - 82)
  else if (code >= 100 && code <= 107) look.back = OF_16 | (code - 92)
}

/** Sets the colour at `at`, with semicolons or colons; returns the index of its last number. */
function setColour(look: TextLook, numbers: Numbers, at: number): number {
  const { list, count } = numbers
  const kind = list[at + 1] ?? 0
  const colon = isColon(numbers, at + 1)
  let last = at + 1
  if (colon) while (isColon(numbers, last + 1)) last++
  else last = Math.min(at + (kind === 5 ? 2 : kind === 2 ? 4 : 1), count - 1)
  // With colons a colour space may stand before red, green and blue: they are the last three.
  const least = colon ? 1 : 2
  const long = last - at >= (kind === 5 ? 2 : 2 + least)
  if (!long || (kind !== 5 && kind !== 2)) return last
  const byte = (index: number): number => Math.min(255, list[index] ?? 0)
  const colour = kind === 5 ? OF_256 | byte(at + 2) : RGB | (byte(last - 2) << 16) | (byte(last - 1) << 8) | byte(last)
  const code = list[at]
  if (code === FORE) look.fore = colour
  else if (code === BACK) look.back = colour
  else look.under = colour
  return last
}

/** Returns the sequence that sets this look, independent of the look before. */
export function lookSequence(look: TextLook): string {
  const parts = ['0']
  for (let bit = 1; bit <= 9; bit++) if ((look.bits >>> bit) & 1) parts.push(String(bit))
  if ((look.bits >>> OVERLINE_BIT) & 1) parts.push(String(OVERLINE))
  if (look.line !== 0) parts.push(look.line === 1 ? '4' : `4:${look.line}`)
  parts.push(...colourOf(look.fore, FORE), ...colourOf(look.back, BACK), ...colourOf(look.under, UNDER))
  return parts.length === 1 ? '\x1b[m' : `\x1b[${parts.join(';')}m`
}

function colourOf(colour: number, code: number): string[] {
  const value = colour & 0xff_ffff
  const kind = colour & ~0xff_ffff
  if (kind === OF_16) return [String(code - 8 + value + (value > 7 ? 52 : 0))]
  // For underlines, terminals agree on the form with colons alone.
  const [to, none] = code === UNDER ? [':', ':'] : [';', '']
  if (kind === OF_256) return [[code, 5, value].join(to)]
  if (kind !== RGB) return []
  const rgb = [value >> 16, (value >> 8) & 255, value & 255].join(to)
  return [`${code}${to}2${none}${to}${rgb}`]
}
