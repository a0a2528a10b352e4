// Says where a line matches, as ripgrep would: literal or regular expression, with or without case, whole
// words or not. Regular expressions run on RE2 (linear time whatever the pattern, reliability S-02); what
// its syntax lacks is refused. JavaScript expressions are made of escaped literals only.

import { RE2JS, RE2JSException } from 're2js'
import { Fault } from '../../base/fault.ts'
import type { ContentQuery } from './content-query.ts'

export interface LineMatcher {
  /** Where in `text`, many lines, the search for a matching line may go on: no line before it has one. -1: none at all. */
  find(text: string, from: number): number
  /** Index of the first match in one line without its end, -1 if there is none. */
  hit(line: string): number
  /** Bytes that every matching line holds; a text without them need not be decoded. */
  readonly needle?: Buffer
}

type Choice = Pick<ContentQuery, 'pattern' | 'regex' | 'caseSensitive' | 'wholeWord'>

/** Throws bad_request where the pattern is not a regular expression of RE2. */
export function lineMatcher(choice: Choice): LineMatcher {
  if (choice.regex) return expressionMatcher(choice)
  const next = choice.caseSensitive ? exactFinder(choice.pattern) : foldingFinder(choice.pattern)
  const hit = choice.wholeWord ? wholeWords(next) : (line: string) => next(line, 0).start
  const find = (text: string, from: number) => next(text, from).start
  return choice.caseSensitive ? { find, hit, needle: Buffer.from(choice.pattern) } : { find, hit }
}

interface Span {
  readonly start: number
  readonly end: number
}

type Finder = (text: string, from: number) => Span

const NOWHERE: Span = { start: -1, end: -1 }

function exactFinder(pattern: string): Finder {
  return (text, from) => {
    const start = text.indexOf(pattern, from)
    return start < 0 ? NOWHERE : { start, end: start + pattern.length }
  }
}

/** Simple Unicode case folding, which is ripgrep's too. */
function foldingFinder(pattern: string): Finder {
  const literal = new RegExp(pattern.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'giu')
  return (text, from) => {
    literal.lastIndex = from
    const found = literal.exec(text)
    return found === null ? NOWHERE : { start: found.index, end: literal.lastIndex }
  }
}

/** Word characters of Unicode (UTS 18, annex C), as ripgrep has them. */
const WORD = '\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}'
const WORD_BEFORE = new RegExp(`[${WORD}]$`, 'u')
const WORD_AFTER = new RegExp(`^[${WORD}]`, 'u')

function wholeWords(next: Finder): (line: string) => number {
  return (line) => {
    for (let from = 0; ;) {
      const { start, end } = next(line, from)
      if (start < 0) return -1
      // Two code units hold the one character that matters on either side.
      const free =
        !WORD_BEFORE.test(line.slice(Math.max(0, start - 2), start)) && !WORD_AFTER.test(line.slice(end, end + 2))
      if (free) return start
      from = start + 1
    }
  }
}

function expressionMatcher({ pattern, caseSensitive, wholeWord }: Choice): LineMatcher {
  const expression = compile(pattern, caseSensitive, wholeWord)
  const group = wholeWord ? 1 : 0
  let at: { text: string; matcher: ReturnType<RE2JS['matcher']> } | undefined
  const next = (text: string, from: number) => {
    if (at?.text !== text) at = { text, matcher: expression.matcher(text) }
    return at.matcher.find(from) ? at.matcher.start() : -1
  }
  // These two mean the ends of what is searched, which in the end is one line.
  const everyLine = /\\[Az]/.test(pattern)
  return {
    find: everyLine ? (_, from) => from : next,
    hit: (line) => {
      const matcher = expression.matcher(line)
      return matcher.find() ? matcher.start(group) : -1
    },
  }
}

function compile(pattern: string, caseSensitive: boolean, wholeWord: boolean): RE2JS {
  const flags = RE2JS.MULTILINE | (caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE)
  const body = unicodeClasses(pattern)
  try {
    // The pattern by itself first: inside brackets, "a)(b" would be well-formed.
    const alone = RE2JS.compile(body, flags)
    return wholeWord ? RE2JS.compile(`(?:^|[^${WORD}])(${body})(?:[^${WORD}]|$)`, flags) : alone
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw new Fault('bad_request', `q is not a regular expression of the built-in engine: ${error.message}`, {
      details: { field: 'q' },
    })
  }
}

/** RE2 knows only ASCII in \w, \d and \s, ripgrep all of Unicode; negated forms inside brackets stay ASCII. */
export function unicodeClasses(pattern: string): string {
  const inside: Readonly<Record<string, string>> = { w: WORD, d: '\\p{Nd}', s: '\\s\\x0b\\x{85}\\p{Z}' }
  let bracket = false
  return pattern.replace(/\\[pPx](?:\{[^}]*\}|.)|\\Q.*?(?:\\E|$)|\\.|\[\^?\]?|\]/gsu, (token) => {
    if (token.startsWith('[')) bracket = true
    else if (token === ']') bracket = false
    const letter = token.length === 2 && token.startsWith('\\') ? (token[1] ?? '') : ''
    const members = inside[letter.toLowerCase()]
    if (members === undefined) return token
    if (bracket) return letter === letter.toLowerCase() ? members : token
    return letter === letter.toLowerCase() ? `[${members}]` : `[^${members}]`
  })
}
