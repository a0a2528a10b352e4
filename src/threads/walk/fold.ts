// `folded(text)` makes upper and lower case one, for searching one text in another: character by character, as ripgrep
// and regular expressions fold (Unicode's simple case folding). `toLowerCase` of a whole string depends on the letters
// around a letter: the Greek sigma at the end of a word is another letter than within it.

const ASCII = /^[\0-\u007f]*$/ // oxlint-disable-line no-control-regex -- the whole of ASCII

/** Not folded: its upper case is that of "i", and the two are different letters. */
const DOTLESS_I = '\u0131'

/** Returns the text with each character in its simple lower case. */
export function folded(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase()
  return Array.from(text, foldedCharacter).join('')
}

function foldedCharacter(character: string): string {
  if (character === DOTLESS_I) return character
  const upper = character.toUpperCase()
  // A letter whose other case has several letters ("ß") stays as it is.
  const lower = (isOne(upper) ? upper : character).toLowerCase()
  return isOne(lower) ? lower : character
}

function isOne(text: string): boolean {
  return text.length === 1 || (text.length === 2 && (text.codePointAt(0) ?? 0) > 0xffff)
}
