// The Range header of one request for one file (RFC 9110 14.1 and 14.2): the part that is meant, or that there is
// none. Several parts at once are answered as RFC 9110 allows, with the whole. Pure.

/** Bytes `from` ≤ i < `to`. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** Digits that a number holds exactly. */
const RANGE = /^\s*bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i

/** Undefined: the whole file, since nothing else was asked for in a form that counts. */
export function readRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = RANGE.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  if (first === '') return Number(last) === 0 || size === 0 ? 'unsatisfiable' : fromEnd(Number(last), size)
  if (last !== '' && Number(last) < Number(first)) return undefined
  if (Number(first) >= size) return 'unsatisfiable'
  return { from: Number(first), to: last === '' ? size : Math.min(Number(last) + 1, size) }
}

function fromEnd(length: number, size: number): ByteRange {
  return { from: Math.max(0, size - length), to: size }
}
