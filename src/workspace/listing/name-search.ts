// `searchNames` finds files by name (protocol.md#search, /files/search/files) with a walk; it needs no ripgrep.

import { bytesOfText } from '../../base/bytes-text.ts'
import { JsonText } from '../../base/json-text.ts'
import { compileGlob } from '../../threads/walk/glob.ts'
import { ALTERNATIVES, expandBraces, expandPatterns } from '../../threads/walk/pattern-list.ts'
import type { LossyName, NameJob } from '../../threads/walk/walk-job.ts'
import type { Access } from '../files/opening/access.ts'
import { rulesWanted } from './listing.ts'
import type { Walkers } from './walkers.ts'

export interface NameRequest {
  readonly q: string
  readonly path: string
  readonly case_sensitive: boolean
  readonly include_hidden: boolean
  readonly no_gitignore: boolean
  readonly use_gitignore?: boolean
  readonly max_results: number
  readonly offset?: number
  readonly ignore_patterns: readonly string[]
}

export async function searchNames(walkers: Walkers, request: NameRequest, signal: AbortSignal, access?: Access) {
  const { q, path } = request
  const job: NameJob = {
    kind: 'names',
    path,
    q,
    globs: globsOf(q),
    caseSensitive: request.case_sensitive,
    hidden: request.include_hidden,
    offset: request.offset ?? 0,
    cap: request.max_results,
    rules: {
      gitignore: rulesWanted(request),
      patterns: expandPatterns('ignore_patterns', request.ignore_patterns),
      home: walkers.home,
    },
  }
  const { chunks, summary } = await walkers.gather(job, signal, access)
  return {
    query: q,
    path,
    files: new JsonText<string[]>(chunks),
    total_files: summary.count,
    ...(summary.lossyNames !== undefined && { lossy_names: summary.lossyNames.map((name) => absolute(path, name)) }),
    ...(summary.truncated && { truncated: true }),
    ...(summary.errors > 0 && { errors: summary.errors, unreadable: [...summary.unreadable] }),
  }
}

function absolute(root: string, { path, bytes }: LossyName): { path: string; path_base64: string } {
  const prefix = bytesOfText(root === '/' ? '/' : `${root}/`)
  return { path, path_base64: Buffer.concat([prefix, Buffer.from(bytes, 'base64')]).toString('base64') }
}

/** Returns the globs that a text with `*`, `?`, `[` or `{` stands for; undefined for plain text. */
function globsOf(q: string): readonly string[] | undefined {
  if (!/[*?[{]/.test(q)) return undefined
  const globs = expandBraces(q.replace(/^\.?\//, ''), ALTERNATIVES) ?? []
  return globs.every((glob) => compileGlob(glob) !== undefined) ? globs : undefined
}
