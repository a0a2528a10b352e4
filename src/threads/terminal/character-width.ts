// Tells how many cells of a terminal a character takes: none, one or two, by Unicode 15 and as today's terminals do.
// Pure.

/** Ranges of East Asian wide and fullwidth characters, first and last. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x17000, 0x18aff],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
]
/** Characters without a cell: marks on the character before, joiners, variation selectors. */
const MARK = /^[\p{Mn}\p{Me}\p{Cf}]$/u
const SOFT_HYPHEN = 0xad
const EMOJI = /^\p{Emoji_Presentation}$/u

/** Width + 1 of the characters below 0x10000 that were asked for so far. */
const known = new Uint8Array(0x10000)

export function widthOf(code: number): 0 | 1 | 2 {
  const before = known[code]
  if (before === 1 || before === 2 || before === 3) return WIDTHS[before - 1] ?? 1
  const width = lookUp(code)
  if (code < known.length) known[code] = width + 1
  return width
}

const WIDTHS = [0, 1, 2] as const

function lookUp(code: number): 0 | 1 | 2 {
  const text = String.fromCodePoint(code)
  if (MARK.test(text) && code !== SOFT_HYPHEN) return 0
  if (WIDE.some(([first, last]) => code >= first && code <= last) || EMOJI.test(text)) return 2
  return 1
}
