// Fits search results into one MCP message: a content search loses its last lines, a name search is asked for fewer
// paths. Both say so in the fields that tell of max_results too.

import { posix } from 'node:path'
import { jsonOf } from '../base/json-text.ts'
import { jsonBytes } from '../base/json-size.ts'
import type { Fields, Fit } from '../operation.ts'
import { askedCount, countIn, goingOn, textIn } from './fit-fields.ts'

/** Lines of a content search without max_results. */
export const USUAL_RESULTS = 100
/** Most lines of any content search. */
export const MOST_RESULTS = 10_000

/** Bytes kept for the counts and the marks. */
const MARKS = 1000

export const namesFit: Fit = {
  less(came, _asked, share) {
    const max_results = Math.floor((countIn(came, 'total_files') ?? 0) * share)
    return max_results < 1 ? undefined : { max_results }
  },
  marks: (short, asked) => nextNames(short, asked),
  rest: (came, asked) => nextNames(came, asked),
}

function nextNames(shown: Fields, asked: Fields): Fields {
  if (shown['truncated'] !== true) return {}
  const offset = (askedCount(asked, 'offset') ?? 0) + (countIn(shown, 'total_files') ?? 0)
  return { next: { tool: 'search_files', arguments: { ...asked, ...goingOn(asked, textIn(shown, 'path')), offset } } }
}

export const matchesFit: Fit = {
  cut: cutMatches,
  marks(short, asked, came) {
    const all = matchesIn(came)
    const shown = matchesIn(short).length
    if (shown >= all.length) return {}
    return { capped: true, ...onward(short, { asked, all, shown, more: came['capped'] === true }) }
  },
  /** Repeats the search with a higher limit: it is not known here which file has more lines. */
  rest(came, asked) {
    const count = matchesIn(came).length
    const reached = count >= (askedCount(asked, 'max_results') ?? USUAL_RESULTS) && count < MOST_RESULTS
    if (came['capped'] !== true || came['timed_out'] === true || !reached) return {}
    const max_results = Math.min(count * 10, MOST_RESULTS)
    return {
      next: { tool: 'search_content', arguments: { ...asked, ...goingOn(asked, textIn(came, 'path')), max_results } },
    }
  },
}

interface ShownMatch {
  readonly path: string
  /** Bytes of a path that is not UTF-8. */
  readonly path_base64?: string
  readonly line_number: number
}

interface CutMatches {
  readonly asked: Fields
  readonly all: readonly ShownMatch[]
  readonly shown: number
  /** True if there are lines beyond `all`. */
  readonly more: boolean
}

/** Patterns of one search at most. */
const MOST_PATTERNS = 1000
/** Share of the message that patterns may take; the lines need the rest. */
const PATTERNS_SHARE = 0.25

/**
 * The next call leaves out the files that are here in full. A file that is too long for a message by itself is left out
 * too, and a warning names the call that reads on in it; where it is the only one, that is the next call.
 */
function onward(short: Fields, { asked, all, shown, more }: CutMatches): Fields {
  const root = textIn(short, 'path')
  const split = all[shown]?.path
  const files = [...new Set(all.slice(0, shown).map(({ path }) => path))]
  const full = files.filter((path) => path !== split)
  const last = all[shown - 1]
  const alone = full.length === 0 && last !== undefined && last.path === split ? last : undefined
  if (alone !== undefined && !more && all.every(({ path }) => path === alone.path)) {
    return { next: readOn(alone) }
  }
  const done = (alone === undefined ? full : files).map((path) => patternOf(root, path))
  const given = asked['ignore_patterns']
  const patterns = [...(Array.isArray(given) ? (given as unknown[]) : []), ...done]
  // One string of patterns has its own way of being read, and some names are no pattern.
  if (typeof given === 'string' || done.length === 0 || done.includes('') || patterns.length > MOST_PATTERNS) return {}
  if (jsonBytes(patterns) > jsonBytes(short) * PATTERNS_SHARE) return {}
  const next = { tool: 'search_content', arguments: { ...asked, ...goingOn(asked, root), ignore_patterns: patterns } }
  if (alone === undefined) return { next }
  const call = jsonOf(readOn(alone).arguments)
  const told = `${posix.relative(root, alone.path)}: its lines after ${alone.line_number} are not here; file_read ${call} shows them`
  return { next, warnings: [...((short['warnings'] ?? []) as readonly string[]), told] } // the operation's own output
}

/** Returns the call that shows the lines after a match. */
function readOn({ path, path_base64, line_number }: ShownMatch) {
  const file = path_base64 === undefined ? { path } : { path_base64 }
  return { tool: 'file_read', arguments: { ...file, start_line: line_number + 1 } }
}

function matchesIn(fields: Fields): readonly ShownMatch[] {
  return (fields['matches'] ?? []) as readonly ShownMatch[] // the operation's own output
}

/** Returns a pattern that matches this file alone; empty if no pattern can. */
function patternOf(root: string, path: string): string {
  const below = posix.relative(root, path)
  // oxlint-disable-next-line no-control-regex -- a name may hold line breaks
  if (below === '' || /[\n\r\0\ufffd]/.test(below)) return ''
  return `/${below.replace(/[\\*?[\]{}!#]/g, '\\$&').replace(/ $/, '\\ ')}`
}

/** Cuts both lists after the same line: `results` has the lines by file, `matches` in their order. */
function cutMatches(came: Fields, room: number): Fields {
  const matches = (came['matches'] ?? []) as readonly { readonly path: string }[] // the operation's own output, as below
  const byFile = (came['results'] ?? {}) as Readonly<Record<string, readonly unknown[]>>
  let free = room - jsonBytes({ ...came, matches: [], results: {} }) - MARKS
  const results = new Map<string, unknown[]>()
  let shown = 0
  for (const match of matches) {
    const file = nameBelow(textIn(came, 'path'), match.path)
    const lines = results.get(file) ?? []
    const line = byFile[file]?.[lines.length]
    free -= jsonBytes(match) + jsonBytes(line) + 2 + (lines.length === 0 ? jsonBytes(file) + 4 : 0)
    if (free < 0) break
    lines.push(line)
    results.set(file, lines)
    shown++
  }
  return {
    ...came,
    results: Object.fromEntries(results),
    matches: matches.slice(0, shown),
    total_matches: shown,
    total_files: results.size,
    capped: true,
  }
}

/** Returns the key of a file in `results`: relative to the path of the search, which may be the file itself. */
function nameBelow(path: string, file: string): string {
  return file === path ? posix.basename(file) : posix.relative(path, file)
}
