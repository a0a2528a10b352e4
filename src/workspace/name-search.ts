// Search of file names (contract 3, /files/search/files) as a walk; no ripgrep is needed for it.

import { JsonText } from '../json-text.ts'
import { expandPatterns } from '../threads/pattern-list.ts'
import { gather, type Walkers } from './walkers.ts'

export interface NameRequest {
  readonly q: string
  readonly path: string
  readonly case_sensitive: boolean
  readonly include_hidden: boolean
  readonly no_gitignore: boolean
  readonly use_gitignore?: boolean
  readonly max_results: number
  readonly ignore_patterns: readonly string[]
}

export async function searchNames(walkers: Walkers, request: NameRequest, signal: AbortSignal) {
  const gitignore = request.use_gitignore ?? !request.no_gitignore
  const rules = {
    gitignore,
    patterns: expandPatterns('ignore_patterns', request.ignore_patterns),
    home: walkers.home,
  }
  const { q, path } = request
  const job = { kind: 'names', path, q, rules, cap: request.max_results } as const
  const walk = await walkers.open(
    { ...job, caseSensitive: request.case_sensitive, hidden: request.include_hidden },
    signal,
  )
  await using _ = walk
  const { chunks, summary } = await gather(walk)
  return {
    query: q,
    path,
    files: new JsonText<string[]>(chunks),
    total_files: summary.count,
    ...(summary.truncated && { truncated: true }),
    ...(summary.errors > 0 && { errors: summary.errors, unreadable: [...summary.unreadable] }),
  }
}
