// One line of a searched file on its way to the answer: what ripgrep prints is brought into
// this form. A text is cut at 4 KiB of UTF-8 and then holds nothing of the long line it was
// cut from (a JavaScript slice would keep the whole alive), so 10,000 records stay small (S-04).

/** Bytes of UTF-8 that a shown line may have (S-04). */
export const TEXT_BYTES = 4096

export interface LineRecord {
  readonly kind: 'match' | 'context'
  /** Relative to the searched directory, or the base name of the searched file. */
  readonly path: string
  /** The exact bytes of a path that is not UTF-8 and was decoded with U+FFFD, in base64. */
  readonly pathBytes?: string
  /** From 1. */
  readonly line: number
  /** Where the first match begins, in characters (code points) from 1. */
  readonly column?: number
  /** Without its line end. */
  readonly text: string
  readonly truncated?: true
  /** Where `text` begins, in characters from 1; absent: at the beginning of the line. */
  readonly textColumn?: number
  /** The line is not UTF-8 and was decoded with U+FFFD. */
  readonly lossy?: true
}

/** Characters of the line that are shown before a match that is too far behind for the text to begin with the line. */
const LEAD = 200

export interface MatchSpan {
  /** Where the first match begins and ends, in code units from 0. */
  readonly start: number
  readonly end: number
}

/** `line` as it is shown: without its end, cut, and if cut, such that the match is in what is left. */
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

/** `line` without its end, at most 4 KiB long, cut between characters. */
export function cutText(line: string): { text: string; truncated?: true } {
  const end = line.endsWith('\n') ? line.length - 1 : line.length
  const bare = line.endsWith('\r', end) ? end - 1 : end
  // Up to a third of the limit even the widest characters (3 bytes a code unit) fit.
  if (bare <= TEXT_BYTES / 3) return { text: line.slice(0, bare) }
  const bytes = Buffer.from(line.slice(0, Math.min(bare, TEXT_BYTES + 1)))
  if (bare <= TEXT_BYTES && bytes.length <= TEXT_BYTES) return { text: bytes.toString() }
  let cut = Math.min(TEXT_BYTES, bytes.length)
  while (cut > 0 && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut--
  return { text: bytes.toString('utf8', 0, cut), truncated: true }
}

/** Code points in the first `end` code units of `text`. */
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

/** Code units in the first `bytes` bytes of the UTF-8 of `text`. */
export function unitsInBytes(text: string, bytes: number): number {
  // Where a byte is a character throughout, there is nothing to count; telling that is quick.
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
