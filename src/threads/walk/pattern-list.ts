// `expandPatterns(field, patterns)` checks the globs of a request (`ignore_patterns`, protocol.md#tolerant-input)
// before any work is done. It expands braces, because .gitignore syntax has none and people write them; a list that
// would grow beyond the limits below is refused (S-03).

import { Fault, quote } from '../../base/fault.ts'
import { compileGlob } from './glob.ts'

/** Characters of one pattern. */
export const PATTERN_LENGTH = 512
/** Globs that the braces of one pattern may stand for. */
export const ALTERNATIVES = 256
/** Globs that a list may stand for: each name of a walk is compared with all of them. */
export const LIST_GLOBS = 256
/** Characters of all globs that a list may stand for: reading them takes some milliseconds of the main thread. */
export const LIST_LENGTH = 128 * 1024

/** Returns `patterns` without braces; throws `bad_request` with `field` and the pattern that is not accepted. */
export function expandPatterns(field: string, patterns: readonly string[]): string[] {
  const globs: string[] = []
  let characters = 0
  for (const pattern of patterns) {
    if (pattern.length > PATTERN_LENGTH) {
      throw refusal(field, pattern, `has ${pattern.length} characters; accepted are at most ${PATTERN_LENGTH}`)
    }
    const alternatives = expandBraces(pattern, ALTERNATIVES)
    if (alternatives === undefined) {
      throw refusal(field, pattern, `stands for too many globs; accepted are at most ${ALTERNATIVES}`)
    }
    characters += alternatives.reduce((sum, glob) => sum + glob.length, pattern.length)
    if (characters > LIST_LENGTH) {
      throw refusal(field, pattern, `makes the list too long; accepted are globs of ${LIST_LENGTH} characters in all`)
    }
    if (globs.length + alternatives.length > LIST_GLOBS) {
      throw refusal(field, pattern, `makes the list too long; accepted are ${LIST_GLOBS} globs in all`)
    }
    if (alternatives.some((glob) => compileGlob(glob) === undefined)) {
      throw refusal(field, pattern, 'is not a glob: a bracket is not closed, or a backslash stands at the end')
    }
    globs.push(...alternatives)
  }
  return globs
}

function refusal(field: string, pattern: string, sentence: string): Fault {
  return new Fault('bad_request', `${field}: the pattern ${quote(pattern)} ${sentence}`, { details: { field } })
}

/** Returns every reading of the braces in `pattern`; undefined beyond `limit`. A brace without a partner is literal. */
export function expandBraces(pattern: string, limit: number): string[] | undefined {
  let heads: string[] = ['']
  for (let i = 0; i < pattern.length;) {
    const group = pattern[i] === '{' ? readGroup(pattern, i) : undefined
    if (group === undefined) {
      const end = pattern[i] === '\\' ? i + 2 : i + 1
      heads = heads.map((head) => head + pattern.slice(i, end))
      i = end
      continue
    }
    const tails: string[] = []
    for (const alternative of group.alternatives) {
      const expanded = expandBraces(alternative, limit)
      if (expanded === undefined) return undefined
      tails.push(...expanded)
      if (tails.length * heads.length > limit) return undefined
    }
    heads = heads.flatMap((head) => tails.map((tail) => head + tail))
    i = group.end
  }
  return heads
}

/** Returns the alternatives of the group that opens at `start`, nested groups unread; undefined if it is not closed. */
function readGroup(pattern: string, start: number): { alternatives: string[]; end: number } | undefined {
  const alternatives: string[] = []
  let depth = 0
  let from = start + 1
  for (let i = start; i < pattern.length; i++) {
    const char = pattern[i]
    if (char === '\\') i++
    else if (char === '{') depth++
    else if (char === ',' && depth === 1) {
      alternatives.push(pattern.slice(from, i))
      from = i + 1
    } else if (char === '}' && --depth === 0) {
      alternatives.push(pattern.slice(from, i))
      return { alternatives, end: i + 1 }
    }
  }
  return undefined
}
