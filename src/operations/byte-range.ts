// The Range header of one request for one file (RFC 9110 14.1 and 14.2): the part that is meant, or that there is
// none. Several parts at once are answered as RFC 9110 allows, with the whole. Pure.

/** Bytes `from` ≤ i < `to`. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** A list may have empty members (RFC 9110 5.6.1). Numbers beyond 2^53 are rounded, and larger than any file all the same. */
const RANGE = /^\s*bytes\s*=[\s,]*(\d{0,100})\s*-\s*(\d{0,100})[\s,]*$/i

/** Undefined: the whole file, since nothing else was asked for in a form that counts. */
export function readRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = RANGE.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  if (first === '') {
    if (Number(last) === 0) return 'unsatisfiable'
    // The end of an empty file is the file, and no Content-Range can say so.
    return size === 0 ? undefined : fromEnd(Number(last), size)
  }
  if (last !== '' && Number(last) < Number(first)) return undefined
  if (Number(first) >= size) return 'unsatisfiable'
  return { from: Number(first), to: last === '' ? size : Math.min(Number(last) + 1, size) }
}

function fromEnd(length: number, size: number): ByteRange {
  return { from: Math.max(0, size - length), to: size }
}
