// Output as lines with their byte offsets in the stream, so that the part left out between the beginning and the end
// can be named to the byte. Pure.

import { cleanLines } from './clean-line.ts'
import { cutAt, LINE_CHARACTERS } from './view.ts'

export interface OutputLine {
  readonly text: string
  /** Offset of the line's first byte in the stream; `to` includes the line feed. */
  readonly from: number
  readonly to: number
}

export interface Stretch {
  readonly text: string
  /** Offset of its first byte. */
  readonly from: number
  /** Offset after its last byte, if that is known better than by counting from the first. */
  readonly to?: number
  /** True if characters stand for bytes that were not UTF-8: their number is not known, but is at least one each. */
  readonly lossy: boolean
}

/** Returns the lines of a stretch as a model reads them. */
export function linesOf(stretch: Stretch): OutputLine[] {
  const raw = stretch.text.split('\n')
  if (raw.at(-1) === '') raw.pop()
  const sizes = raw.map((line) => bytesOf(line, stretch.lossy) + 1)
  const ended = stretch.text.endsWith('\n')
  if (!ended && sizes.length > 0) sizes[sizes.length - 1] = (sizes.at(-1) ?? 1) - 1
  const sum = sizes.reduce((total, size) => total + size, 0)
  let at = stretch.to === undefined ? stretch.from : stretch.to - sum
  return cleanLines(raw).map((line, i) => {
    const from = at
    at += sizes[i] ?? 0
    return { text: shortened(line, from, at), from, to: at }
  })
}

/** Returns at most the true number: the bytes named as left out may overlap the shown ones, but none are hidden. */
function bytesOf(line: string, lossy: boolean): number {
  const bytes = Buffer.byteLength(line)
  return lossy ? bytes - 2 * (line.split('\ufffd').length - 1) : bytes
}

function shortened(line: string, from: number, to: number): string {
  if (line.length <= LINE_CHARACTERS) return line
  return `${cutAt(line, LINE_CHARACTERS)}… [line cut: it is bytes ${from}-${to}]`
}

export interface Ends {
  readonly head: readonly OutputLine[]
  readonly tail: readonly OutputLine[]
}

/** Returns as many lines from both ends as fit in `room` characters; two thirds for the end, where failures stand. */
export function bothEnds(lines: readonly OutputLine[], room: number): Ends {
  if (lengthOf(lines) <= room) return { head: lines, tail: [] }
  const first = fitting(lines, Math.floor(room / 3))
  const rest = lines.slice(first)
  const last = fitting(rest.toReversed(), room - lengthOf(lines.slice(0, first)))
  return { head: lines.slice(0, first), tail: last === 0 ? [] : rest.slice(-last) }
}

export function lengthOf(lines: readonly OutputLine[]): number {
  return lines.reduce((sum, line) => sum + line.text.length + 1, 0)
}

/** Returns how many of the first lines fit. */
export function fitting(lines: readonly OutputLine[], room: number): number {
  let used = 0
  const over = lines.findIndex((line) => (used += line.text.length + 1) > room)
  return over === -1 ? lines.length : over
}

export function joined(lines: readonly OutputLine[]): string {
  return lines.map((line) => line.text).join('\n')
}
