// Which ignore rules ripgrep reads as git does. Pure. The two differ in braces, classes in brackets,
// backslashes, stars in a row, white space at the end, bytes that are not UTF-8, and "." and ".." as a part
// of a path; a rule that has none of these means the same to both. Where one has, ripgrep is not asked to
// decide: see listed-search.ts.

/** A bracket of letters, digits and ranges of them, or of one other character, as in `[._]*.sw[a-p]` and "Icon[\r]". */
const BRACKET = /\[[!^]?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9._~@%+=\r])+\]/g

/** Whether both mean the same by this one rule, which is no comment. */
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

/** Whether both mean the same by a pattern of a caller's, before which "./" may stand. */
export function patternReadAlike(pattern: string): boolean {
  return /^(\.\/)?\/?$/.test(pattern) || readAlike(pattern.replace(/^\.\//, ''))
}

/** Whether both mean the same by all rules of a file. */
export function fileReadAlike(text: string): boolean {
  const lines = (text.startsWith('\uFEFF') ? text.slice(1) : text).split('\n')
  return lines.every((line) => {
    const rule = (line.endsWith('\r') ? line.slice(0, -1) : line).replace(/ +$/, '')
    return rule === '' || rule.startsWith('#') || readAlike(rule)
  })
}

/** Whether a file of rules has one with a slash before its end: such a rule stands for a place below some directory. */
export function hasPlaces(text: string): boolean {
  return text.split('\n').some((line) => !line.startsWith('#') && /\/\s*\S/.test(line))
}

/** git takes a range from high to low for one that nothing is in, ripgrep refuses it. */
function isOrdered(bracket: string): boolean {
  return [...bracket.matchAll(/(.)-(.)/g)].every(([, low = '', high = '']) => low <= high)
}
