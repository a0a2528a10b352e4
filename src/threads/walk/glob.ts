// Globs in .gitignore syntax, matched as git's wildmatch does: `compileGlob(glob)`, then `matchSegments(glob, path,
// from)`. No regular expressions: matching goes back to the last star only, so it takes at most pattern × name steps
// for any glob (S-03: JavaScript expressions made from hostile globs run without end). Like git and ripgrep it compares
// bytes: `?` is one byte, so "é" is `??`. Bytes are held as strings of characters below 256.

/** Returns whether one path segment matches. */
export type NameTest = (name: string) => boolean

/** One segment of a glob; `**` stands for any number of segments. */
export type Segment = NameTest | '**'

type Token =
  | { readonly kind: 'char'; readonly code: number }
  | { readonly kind: 'any' }
  | { readonly kind: 'star' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: 'slash' }

/** Returns the segments of `glob`; undefined if git would let it match nothing (unclosed bracket, lone backslash). */
export function compileGlob(glob: string): Segment[] | undefined {
  // Most rules: a rule file of a MiB is read without an object for each of its characters.
  if (!/[\\*?[]/.test(glob)) return glob.split('/').map(equals)
  if (/^\*[^\\*?[/]+$/.test(glob)) return [affixes('', glob.slice(1))]
  const tokens = tokenize(bytesOf(glob))
  if (tokens === undefined) return undefined
  const segments: Segment[] = []
  let from = 0
  for (let i = 0; i <= tokens.length; i++) {
    if (i < tokens.length && tokens[i]?.kind !== 'slash') continue
    const part = tokens.slice(from, i)
    const star = part.length >= 2 && part.every(({ kind }) => kind === 'star')
    // Neighbouring globstars are one.
    if (!star) segments.push(nameTest(part))
    else if (segments.at(-1) !== '**') segments.push('**')
    from = i + 1
  }
  return segments
}

/**
 * Returns whether the segments of `path` from `start` on match. A final `**` needs at least one segment, any other
 * none.
 */
export function matchSegments(glob: readonly Segment[], path: readonly string[], start: number): boolean {
  let g = 0
  let p = start
  let retryGlob = -1
  let retryPath = -1
  while (p < path.length) {
    const segment = glob[g]
    if (segment === '**') {
      if (g === glob.length - 1) return true
      retryGlob = ++g
      retryPath = p
    } else if (segment !== undefined && segment(path[p] ?? '')) {
      g++
      p++
    } else if (retryGlob >= 0) {
      g = retryGlob
      p = ++retryPath
    } else return false
  }
  return g === glob.length
}

const CODE = { slash: 47, backslash: 92, star: 42, question: 63, open: 91, close: 93, dash: 45, colon: 58 } as const

function bytesOf(text: string): string {
  return /^[\u0020-\u007e]*$/.test(text) ? text : Buffer.from(text).toString('latin1')
}

function tokenize(glob: string): Token[] | undefined {
  const tokens: Token[] = []
  for (let i = 0; i < glob.length; i++) {
    const code = glob.charCodeAt(i)
    if (code === CODE.open) {
      const bracket = readBracket(glob, i)
      if (bracket === undefined) return undefined
      tokens.push(bracket.token)
      i = bracket.end - 1
    } else if (code === CODE.star) tokens.push({ kind: 'star' })
    else if (code === CODE.question) tokens.push({ kind: 'any' })
    else if (code === CODE.slash) tokens.push({ kind: 'slash' })
    else if (code === CODE.backslash) {
      if (++i === glob.length) return undefined
      const escaped = glob.charCodeAt(i)
      tokens.push(escaped === CODE.slash ? { kind: 'slash' } : { kind: 'char', code: escaped })
    } else tokens.push({ kind: 'char', code })
  }
  return tokens
}

// Code ranges of the POSIX classes as git's own tables have them: ASCII only. A map: a rule may say `[:constructor:]`.
const POSIX = new Map<string, readonly (readonly [number, number])[]>(
  Object.entries({
    alnum: [[48, 57], [65, 90], [97, 122]], // prettier-ignore
    alpha: [[65, 90], [97, 122]], // prettier-ignore
    blank: [[32, 32], [9, 9]], // prettier-ignore
    cntrl: [[0, 31], [127, 127]], // prettier-ignore
    digit: [[48, 57]],
    graph: [[33, 126]],
    lower: [[97, 122]],
    print: [[32, 126]],
    punct: [[33, 47], [58, 64], [91, 96], [123, 126]], // prettier-ignore
    space: [[32, 32], [9, 10], [13, 13]], // prettier-ignore
    upper: [[65, 90]],
    xdigit: [[48, 57], [65, 70], [97, 102]], // prettier-ignore
  }),
)

/**
 * Reads the bracket expression that opens at `start`, member by member as wildmatch does; undefined if it is not
 * closed.
 */
function readBracket(glob: string, start: number): { token: Token; end: number } | undefined {
  let i = start + 1
  const negated = glob[i] === '!' || glob[i] === '^'
  if (negated) i++
  const ranges: (readonly [number, number])[] = []
  let previous: number | undefined
  // A closing bracket in first place is a member.
  for (let first = true; first || glob.charCodeAt(i) !== CODE.close; first = false) {
    const member = readMember(glob, i)
    if (member === undefined) return undefined
    i = member.end
    if (member.posix !== undefined) {
      ranges.push(...member.posix)
      previous = undefined
    } else if (member.dash && previous !== undefined && i < glob.length && glob.charCodeAt(i) !== CODE.close) {
      const to = readMember(glob, i, true)
      if (to === undefined) return undefined
      i = to.end
      ranges.push([previous, to.code])
      previous = undefined
    } else {
      ranges.push([member.code, member.code])
      previous = member.code
    }
  }
  return { token: { kind: 'class', negated, ranges }, end: i + 1 }
}

interface BracketMember {
  readonly code: number
  readonly dash: boolean
  readonly posix?: readonly (readonly [number, number])[]
  readonly end: number
}

function readMember(glob: string, at: number, plain = false): BracketMember | undefined {
  if (at >= glob.length) return undefined
  const code = glob.charCodeAt(at)
  if (code === CODE.backslash) {
    return at + 1 === glob.length ? undefined : { code: glob.charCodeAt(at + 1), dash: false, end: at + 2 }
  }
  if (!plain && code === CODE.open && glob.charCodeAt(at + 1) === CODE.colon) {
    const close = glob.indexOf(']', at + 2)
    if (close < 0) return undefined
    if (close > at + 2 && glob.charCodeAt(close - 1) === CODE.colon) {
      const posix = POSIX.get(glob.slice(at + 2, close - 1))
      return posix === undefined ? undefined : { code, dash: false, posix, end: close + 1 }
    }
  }
  return { code, dash: code === CODE.dash, end: at + 1 }
}

/** Returns the quickest test for `tokens`; most rules are a name, `*.x` or `x*`. */
function nameTest(tokens: readonly Token[]): NameTest {
  const stars = tokens.flatMap(({ kind }, at) => (kind === 'star' ? [at] : []))
  if (tokens.every(({ kind }) => kind === 'char' || kind === 'star')) {
    const first = stars[0]
    if (first === undefined) return equals(textOf(tokens))
    if (stars.length === tokens.length) return () => true
    if (stars.length === 1) return affixes(textOf(tokens.slice(0, first)), textOf(tokens.slice(first + 1)))
  }
  return (name) => matchTokens(tokens, bytesOf(name))
}

const equals = (text: string) => (name: string) => name === text

function affixes(head: string, tail: string): NameTest {
  if (head === '') return (name) => name.endsWith(tail)
  if (tail === '') return (name) => name.startsWith(head)
  const least = head.length + tail.length
  return (name) => name.length >= least && name.startsWith(head) && name.endsWith(tail)
}

function textOf(tokens: readonly Token[]): string {
  const bytes = tokens.map((token) => (token.kind === 'char' ? token.code : 0))
  return Buffer.from(bytes).toString('utf8')
}

function matchTokens(tokens: readonly Token[], name: string): boolean {
  let t = 0
  let n = 0
  let retryToken = -1
  let retryName = -1
  while (n < name.length) {
    const token = tokens[t]
    if (token?.kind === 'star') {
      retryToken = ++t
      retryName = n
    } else if (token !== undefined && accepts(token, name.charCodeAt(n))) {
      t++
      n++
    } else if (retryToken >= 0) {
      t = retryToken
      n = ++retryName
    } else return false
  }
  while (tokens[t]?.kind === 'star') t++
  return t === tokens.length
}

function accepts(token: Token, code: number): boolean {
  switch (token.kind) {
    case 'char':
      return token.code === code
    case 'any':
      return true
    case 'class':
      return token.ranges.some(([low, high]) => code >= low && code <= high) !== token.negated
    case 'star':
    case 'slash':
      return false
  }
}
