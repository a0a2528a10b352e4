// Text that may hold bytes which are no UTF-8, as environments and paths do: such a byte is the lone half character
// U+DC80 to U+DCFF, one each, which no valid text has. So the text has its bytes and no others, and texts are compared,
// joined and cut at "/" like any. A client's text is refused if it holds half characters, and none leaves the daemon.

const ESCAPE = 0xdc00

/** Returns the text of the bytes; nothing is lost. */
export function textOfBytes(bytes: Uint8Array): string {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = whole.toString('utf8')
  // U+FFFD itself may be in the bytes, so a text is taken only if it encodes to the same bytes.
  if (!text.includes('\ufffd') || Buffer.from(text).equals(whole)) return text
  let escaped = ''
  for (let at = 0; at < whole.length;) {
    const length = characterAt(whole, at)
    escaped += length === 0 ? String.fromCharCode(ESCAPE + (whole[at] ?? 0)) : whole.toString('utf8', at, at + length)
    at += Math.max(length, 1)
  }
  return escaped
}

/** Returns the bytes of the valid character at `at`; 0 if there is none. */
function characterAt(bytes: Buffer, at: number): number {
  for (const length of [1, 2, 3, 4]) {
    const part = bytes.subarray(at, at + length)
    if (part.length === length && Buffer.from(part.toString('utf8')).equals(part)) return length
  }
  return 0
}

/** Returns the bytes that the text stands for. */
export function bytesOfText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text)
  const parts = text.split(/([\udc80-\udcff])/u)
  return Buffer.concat(parts.map((part, index) => (index % 2 === 0 ? Buffer.from(part) : escapedByte(part))))
}

function escapedByte(half: string): Buffer {
  return Buffer.of(half.charCodeAt(0) - ESCAPE)
}

/** Returns the text for people: U+FFFD stands for what is not UTF-8. */
export function shownText(text: string): string {
  return text.isWellFormed() ? text : bytesOfText(text).toString()
}
