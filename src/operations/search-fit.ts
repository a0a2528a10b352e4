// Search results in one message: content searches lose their last lines, name searches are asked for fewer paths. Both
// say so in the fields that say it for max_results too.

import { posix } from 'node:path'
import { jsonBytes } from '../base/json-size.ts'
import type { Fields, Fit } from '../operation.ts'
import { countIn, textIn } from './fit-fields.ts'

/** For the counts, and for the marks. */
const MARKS = 300

export const namesFit: Fit = {
  less(came, _asked, share) {
    const max_results = Math.floor((countIn(came, 'total_files') ?? 0) * share)
    return max_results < 1 ? undefined : { max_results }
  },
}

export const matchesFit: Fit = {
  cut: cutMatches,
  marks(short, asked, came) {
    const shown = countIn(short, 'total_matches') ?? 0
    const left = (came['matches'] as readonly { path: string }[])[shown] // the operation's own output
    if (left === undefined) return {}
    return { capped: true, next: { tool: 'search_content', arguments: { ...asked, path: left.path } } }
  },
}

/** Both lists have the same lines, one of them by file; `matches` has the order. */
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

/** As `results` names it: relative to where the search began, which may be the file itself. */
function nameBelow(path: string, file: string): string {
  return file === path ? posix.basename(file) : posix.relative(path, file)
}
