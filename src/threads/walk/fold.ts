// Text in which upper and lower case are one, for looking one text up in another: character by character, as
// ripgrep and regular expressions fold (Unicode's simple case folding). Lower case of a whole string depends on
// what stands around a letter: the Greek sigma at the end of a word is another letter than within it.

const ASCII = /^[\0-\u007f]*$/ // oxlint-disable-line no-control-regex -- the whole of ASCII

/** Its upper case is that of "i", from which it is told apart. */
const DOTLESS_I = '\u0131'

export function folded(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase()
  return Array.from(text, foldedCharacter).join('')
}

function foldedCharacter(character: string): string {
  if (character === DOTLESS_I) return character
  const upper = character.toUpperCase()
  // What is written with several letters in the other case ("ß") keeps its one.
  const lower = (isOne(upper) ? upper : character).toLowerCase()
  return isOne(lower) ? lower : character
}

function isOne(text: string): boolean {
  return text.length === 1 || (text.length === 2 && (text.codePointAt(0) ?? 0) > 0xffff)
}
