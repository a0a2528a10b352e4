// The names of our temporary files: `.<name>.<16 hexadecimal digits>~`, hidden, and ending in "~" so that watchers
// never show them (protocol.md#files-write). Pure. Names are latin1 text, one character a byte: they need not be UTF-8.

/** Bytes that a temporary name repeats of the name beside it, for a person who finds one; NAME_MAX is 255. */
const REPEATED_BYTES = 64

const TEMPORARY = /^\.[^]*\.[0-9a-f]{16}~$/

/** Returns a name beside `name`. `random`: 16 hexadecimal digits. */
export function temporaryName(name: string, random: string): string {
  let end = Math.min(name.length, REPEATED_BYTES)
  while (end < name.length && (name.charCodeAt(end) & 0xc0) === 0x80) end-- // not in the middle of a character
  return `.${name.slice(0, end)}.${random}~`
}

export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name)
}
