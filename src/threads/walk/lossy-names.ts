// Texts for names that are not UTF-8. Decoding may make two such names equal, or one equal to another name. Pure.

/** Returns the name with \xNN for each byte that is not part of UTF-8. */
export function escapedName(bytes: Buffer): string {
  let name = ''
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at)
    if (length === 0) name += `\\x${bytes.toString('hex', at, at + 1).toUpperCase()}`
    else name += bytes.toString('utf8', at, at + length)
    at += Math.max(1, length)
  }
  return name
}

/** Returns the number of bytes of the character that begins at `at`; 0: none does. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  const lost = bytes.toString('utf8', at, at + length).includes('\uFFFD')
  return lost && !bytes.subarray(at, at + 3).equals(REPLACEMENT) ? 0 : length
}

const REPLACEMENT = Buffer.from('\uFFFD')

/** Returns the escaped name, changed until no other name has it. */
export function unusedName(bytes: Buffer, used: ReadonlySet<string>): string {
  let name = escapedName(bytes)
  while (used.has(name)) name += ' '
  return name
}
