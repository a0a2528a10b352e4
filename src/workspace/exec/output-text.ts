// Makes text for a JSON reply out of a program's output: UTF-8, with U+FFFD where it is not, and a flag for that. Long
// output is decoded and rendered as JSON in slices, so that it never holds the main loop (protocol.md#exec-output). The
// rest of a character at either end of a cut is dropped and not counted as an error.

import { isUtf8 } from 'node:buffer'
import { jsonInside, JsonText } from '../../base/json-text.ts'
import { takeTurns } from '../../base/waiting.ts'

interface OutputText {
  readonly text: string | JsonText<string>
  /** True if the bytes were not valid UTF-8: the text has U+FFFD in places. */
  readonly lossy: boolean
}

interface MissingEnds {
  /** True if bytes before the first are missing. */
  readonly front: boolean
  /** True if bytes after the last are missing. */
  readonly back: boolean
}

/** Longest output that is decoded in one go (about 0.2 ms). */
const SHORT_BYTES = 256 * 1024
/** Size of the slices of longer output; between them the loop gets its turn. */
const SLICE_BYTES = 64 * 1024

/** Returns short output as a string, at once. */
export function shortText(pieces: readonly Buffer[], cut: MissingEnds): { text: string; lossy: boolean } {
  const only = pieces.length === 1 ? pieces[0] : undefined
  const bytes = withoutHalves(only ?? Buffer.concat(pieces), cut)
  return { text: bytes.toString('utf8'), lossy: !isUtf8(bytes) }
}

/** Returns output of any length; yields to the loop between slices. */
export async function outputText(pieces: readonly Buffer[], cut: MissingEnds): Promise<OutputText> {
  const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  if (bytes <= SHORT_BYTES) return shortText(pieces, cut)
  const chunks: Uint8Array[] = [Buffer.from('"')]
  let lossy = false
  const turn = takeTurns()
  for (const slice of slices(pieces, cut)) {
    lossy ||= !isUtf8(slice)
    chunks.push(Buffer.from(jsonInside(slice.toString('utf8'))))
    await turn()
  }
  chunks.push(Buffer.from('"'))
  return { text: new JsonText(chunks), lossy }
}

/** Cuts the pieces anew, so that no slice ends inside a character. */
function* slices(pieces: readonly Buffer[], cut: MissingEnds): Generator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  let front = cut.front
  for (const [index, piece] of pieces.entries()) {
    const whole = rest.byteLength === 0 ? piece : Buffer.concat([rest, piece])
    rest = Buffer.alloc(0)
    for (let start = 0; start < whole.byteLength; start += SLICE_BYTES) {
      const last = start + SLICE_BYTES >= whole.byteLength
      const slice = Buffer.concat([rest, whole.subarray(start, start + SLICE_BYTES)])
      const final = last && index === pieces.length - 1
      const full = withoutHalves(slice, { front, back: final ? cut.back : true })
      const skipped = front ? leadingHalf(slice) : 0
      rest = final ? Buffer.alloc(0) : slice.subarray(skipped + full.byteLength)
      front = false
      if (full.byteLength > 0) yield full
    }
  }
}

function withoutHalves(bytes: Buffer, cut: MissingEnds): Buffer {
  const start = cut.front ? leadingHalf(bytes) : 0
  const end = cut.back ? bytes.byteLength - trailingHalf(bytes) : bytes.byteLength
  return bytes.subarray(start, Math.max(start, end))
}

/** Returns how many bytes at the start belong to a character that began earlier (at most 3). */
export function leadingHalf(bytes: Buffer): number {
  let count = 0
  while (count < 3 && isContinuation(bytes[count])) count++
  return isContinuation(bytes[count]) ? 0 : count
}

/** Returns how many bytes at the end begin a character that is not finished (at most 3). */
export function trailingHalf(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.byteLength); back++) {
    const byte = bytes[bytes.byteLength - back] ?? 0
    if (isContinuation(byte)) continue
    // 0xc0, 0xc1 and bytes above 0xf4 begin no character.
    const length = byte > 0xf4 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}
