// One line of a searched file on its way from ripgrep to the answer. Its text is cut at 4 KiB of UTF-8 and copied,
// since a JavaScript slice would keep the whole line in memory; so 10,000 records stay small (S-04).

/** Bytes of UTF-8 that a shown line may have (S-04). */
export const TEXT_BYTES = 4096

export interface LineRecord {
  readonly kind: 'match' | 'context'
  /** Relative to the searched directory, or the base name of the searched file. */
  readonly path: string
  /** Bytes of a path that is not UTF-8, in base64; `path` then has U+FFFD in it. */
  readonly pathBytes?: string
  /** Line number, from 1. */
  readonly line: number
  /** Column of the first match, in characters (code points) from 1. */
  readonly column?: number
  /** The line without its end, cut. */
  readonly text: string
  readonly truncated?: true
  /** Column at which `text` begins, in characters from 1; absent: at the beginning of the line. */
  readonly textColumn?: number
  /** True if the line is not UTF-8; `text` then has U+FFFD in it. */
  readonly lossy?: true
}

/** Characters shown before a match that lies too far behind for the text to begin with the line. */
const LEAD = 200

export interface MatchSpan {
  /** Begin and end of the first match, in code units from 0. */
  readonly start: number
  readonly end: number
}

/** Returns the line as it is shown: without its end, and cut so that the match is in it. */
export function shownLine(
  line: string,
  match: MatchSpan | undefined,
): Pick<LineRecord, 'text' | 'truncated' | 'column' | 'textColumn'> {
  const head = cutText(line)
  if (match === undefined) return head
  const column = charactersBefore(line, match.start) + 1
  if (head.truncated === undefined || Math.min(match.end, match.start + LEAD) <= head.text.length) {
    return { ...head, column }
  }
  let from = Math.max(0, match.start - LEAD)
  if ((line.charCodeAt(from) & 0xfc00) === 0xdc00) from--
  return {
    text: cutText(line.slice(from)).text,
    truncated: true,
    column,
    textColumn: charactersBefore(line, from) + 1,
  }
}

/** Returns the line without its end, at most 4 KiB of it, cut between characters. */
export function cutText(line: string): { text: string; truncated?: true } {
  const end = line.endsWith('\n') ? line.length - 1 : line.length
  const bare = line.endsWith('\r', end) ? end - 1 : end
  // A third of the limit in code units always fits: a code unit has at most 3 bytes.
  if (bare <= TEXT_BYTES / 3) return { text: line.slice(0, bare) }
  const bytes = Buffer.from(line.slice(0, Math.min(bare, TEXT_BYTES + 1)))
  if (bare <= TEXT_BYTES && bytes.length <= TEXT_BYTES) return { text: bytes.toString() }
  let cut = Math.min(TEXT_BYTES, bytes.length)
  while (cut > 0 && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut--
  return { text: bytes.toString('utf8', 0, cut), truncated: true }
}

/** Returns the number of code points in the first `end` code units of `text`. */
export function charactersBefore(text: string, end: number): number {
  let count = end
  for (let i = 0; i + 1 < end; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--
      i++
    }
  }
  return count
}

/** Returns the number of code units in the first `bytes` bytes of the UTF-8 of `text`. */
export function unitsInBytes(text: string, bytes: number): number {
  // If every character is one byte there is nothing to count, and finding that out is quick.
  if (bytes > TEXT_BYTES && Buffer.byteLength(text) === text.length) return bytes
  let left = bytes
  let at = 0
  while (at < text.length && left > 0) {
    const point = text.codePointAt(at) ?? 0
    left -= point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
    at += point < 0x10000 ? 1 : 2
  }
  return at
}
