// Decides whether ripgrep reads an ignore rule as git does. Pure. The two differ in braces, classes in brackets,
// backslashes, stars in a row, white space at the end, bytes that are not UTF-8, and "." and ".." as a part of a path;
// a rule without these means the same to both. If a rule has one, our own walk chooses the files instead of ripgrep
// (searchListedTree in searched-files.ts).

/** A bracket of letters, digits and ranges of them, or of one other character, as in `[._]*.sw[a-p]` and "Icon[\r]". */
const BRACKET = /\[[!^]?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9._~@%+=\r])+\]/g

/** Returns whether both read the rule, which is no comment, alike. */
export function readAlike(rule: string): boolean {
  if (rule !== rule.trimEnd() || rule.includes('\uFFFD') || rule.includes('\0')) return false
  const bare = (rule.startsWith('!') ? rule.slice(1) : rule)
    .replace(/\\[#!]/g, 'b')
    .replace(BRACKET, (bracket) => (isOrdered(bracket) ? 'b' : '['))
  if (/[\\{}[\]]/.test(bare) || bare.startsWith('!')) return false
  const parts = bare.replace(/^\//, '').replace(/\/$/, '').split('/')
  return parts.every((part, index) => {
    if (part === '' || part === '.' || part === '..') return false
    return !part.includes('**') || (part === '**' && parts[index - 1] !== '**')
  })
}

/** Returns whether both read a caller's pattern alike; it may begin with "./". */
export function patternReadAlike(pattern: string): boolean {
  return /^(\.\/)?\/?$/.test(pattern) || readAlike(pattern.replace(/^\.\//, ''))
}

/** Returns whether both read all rules of a file alike. */
export function fileReadAlike(text: string): boolean {
  const lines = (text.startsWith('\uFEFF') ? text.slice(1) : text).split('\n')
  return lines.every((line) => {
    const rule = (line.endsWith('\r') ? line.slice(0, -1) : line).replace(/ +$/, '')
    return rule === '' || rule.startsWith('#') || readAlike(rule)
  })
}

/** Returns whether a file has a rule with a slash before its end: such a rule counts from a certain directory. */
export function hasPlaces(text: string): boolean {
  return text.split('\n').some((line) => !line.startsWith('#') && /\/\s*\S/.test(line))
}

/** Returns whether all ranges go upwards: git takes one from high to low as empty, ripgrep refuses it. */
function isOrdered(bracket: string): boolean {
  return [...bracket.matchAll(/(.)-(.)/g)].every(([, low = '', high = '']) => low <= high)
}
