// Compares the pieces of a stream with the printed output: every piece has the right bytes at its place, and every gap
// between two pieces was announced.

import { lengthOf, outputPart, sha256, type Ending } from '../content.ts'
import type { Gap, Segment } from '../history.ts'

export interface Printed {
  readonly tag: string
  readonly lines: number
  readonly ending: Ending
}

export interface Came {
  /** Offset that the reader asked for. */
  readonly from: number
  readonly segments: readonly Segment[]
  readonly gaps: readonly Gap[]
}

/** Returns the faults; none if it is a prefix, with announced holes at most. */
export function faultsOf({ tag, lines, ending }: Printed, { from, segments, gaps }: Came): string[] {
  const found: string[] = []
  const total = lengthOf(lines, ending)
  let position = from
  for (const segment of segments) {
    const end = segment.from + segment.bytes
    const hole = { from: position, to: segment.from }
    if (hole.from < hole.to && !announced(hole, gaps)) {
      found.push(`bytes ${hole.from} to ${hole.to} are missing, unannounced`)
    }
    if (segment.from < position) found.push(`bytes ${segment.from} to ${position} came twice`)
    if (end > total) found.push(`${end} bytes came of ${total}`)
    else if (sha256(outputPart(tag, { ...segment, ending })) !== segment.sha256) {
      found.push(`bytes ${segment.from} to ${end} are not those that were printed`)
    }
    position = end
  }
  return found
}

const announced = (hole: Gap, gaps: readonly Gap[]): boolean =>
  gaps.some(({ from, to }) => from <= hole.from && to >= hole.to)

/** Returns the offset behind the last byte that came or was announced as lost. */
export function endOf({ from, segments, gaps }: Came): number {
  return Math.max(from, ...segments.map((segment) => segment.from + segment.bytes), ...gaps.map(({ to }) => to))
}
