// A line of a program's output as a terminal would leave it: without escape sequences, with the last state of
// a progress display that was drawn over itself, without control characters. Pure and linear.

/** CSI, OSC, DCS and its kin, and the short escapes (ECMA-48); one that is cut off counts too. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])?/g
/** Everything below space but tab, DEL, and C1. */
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g
// oxlint-disable-next-line no-control-regex
const SUSPECT = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/

/** `line` comes without its line feed. */
export function cleanLine(line: string): string {
  if (!SUSPECT.test(line)) return line
  const plain = line.replace(ESCAPES, '').replace(/\r+$/, '')
  const shown = plain.slice(plain.lastIndexOf('\r') + 1)
  return (shown.includes('\b') ? withoutBackspaces(shown) : shown).replace(CONTROLS, '')
}

/** A backspace takes the character before it (man pages print bold and underline that way). */
function withoutBackspaces(line: string): string {
  const kept: string[] = []
  for (const character of line) {
    if (character === '\b') kept.pop()
    else kept.push(character)
  }
  return kept.join('')
}
