// Content search: one question, two engines, one form of answer. ripgrep where it runs, else the built-in
// engine (contract 12 row 26), or what the configuration pins. At most 16 searches run at a time, each
// within its own deadline; whatever a search started is gone when its promise settles.

import { Fault } from '../../base/fault.ts'
import type { ContentQuery } from '../../threads/scan/content-query.ts'
import { expandPatterns } from '../../threads/walk/pattern-list.ts'
import { searchBuiltIn } from './builtin-engine.ts'
import type { Children } from '../processes/child.ts'
import { ripgrepVersion, searchWithRipgrep, type Ripgrep } from './ripgrep-engine.ts'
import type { SearchResult } from './search-result.ts'
import { searchTarget } from './search-target.ts'

export type { ContentQuery }

export type EngineChoice = 'auto' | 'ripgrep' | 'builtin'

export interface SearchStatus {
  /** Whether ripgrep runs. */
  readonly installed: boolean
  readonly path?: string
  /** "ripgrep 15.0.0". */
  readonly version?: string
  /** The engine that searches use; undefined: none may. */
  readonly engine?: 'ripgrep' | 'builtin'
  readonly message?: string
}

export interface ContentSearch {
  /** The patterns may still have braces. Throws not_found, not_regular, bad_request (the pattern), rate_limited, unavailable, timeout. */
  search(query: ContentQuery, signal: AbortSignal): Promise<SearchResult>
  readonly running: number
  /** Finds out once; `fresh` finds out again. */
  status(fresh?: boolean): Promise<SearchStatus>
}

export interface ContentSearchOptions {
  readonly children: Children
  readonly engine: EngineChoice
  /** The program; undefined: there is none for this machine. */
  readonly ripgrep: string | undefined
  readonly environment: Readonly<Record<string, string>>
}

/** Searches at a time: ripgrep takes every core for each, the built-in engine a thread and its memory. */
const RUNNING_AT_MOST = { ripgrep: 16, builtin: 4 } as const

export function openContentSearch(options: ContentSearchOptions): ContentSearch {
  // ripgrep reads this file whatever the flags before --no-config say; it has no business here.
  const { RIPGREP_CONFIG_PATH: _, ...environment } = options.environment
  const { children, engine: choice } = options
  const ripgrep: Ripgrep | undefined =
    options.ripgrep === undefined ? undefined : { children, binary: options.ripgrep, environment }
  let known: Promise<SearchStatus> | undefined
  let running = 0

  const status = (fresh = false): Promise<SearchStatus> => {
    if (known === undefined || fresh) known = findStatus(ripgrep, choice)
    return known
  }

  return {
    status,
    get running() {
      return running
    },
    async search(asked, signal) {
      const query = { ...asked, ignorePatterns: expandPatterns('ignore_patterns', asked.ignorePatterns) }
      const engine = choice === 'builtin' ? choice : chosenEngine(await status())
      const limit = RUNNING_AT_MOST[engine]
      if (running >= limit) {
        throw new Fault('rate_limited', `${running} content searches are running; at most ${limit} are accepted`, {
          details: { limit, unit: 'content searches' },
          retryAfter: 1,
        })
      }
      running++
      try {
        return await withDeadline(query, signal, async (ending) => {
          const target = await searchTarget(query.path)
          ending.throwIfAborted()
          return engine === 'ripgrep' && ripgrep !== undefined
            ? await searchWithRipgrep(ripgrep, query, target, ending)
            : await searchBuiltIn(query, target, environment, ending)
        })
      } finally {
        running--
      }
    },
  }
}

/** What can be used, decided by running it. Never rejects. */
async function findStatus(ripgrep: Ripgrep | undefined, choice: EngineChoice): Promise<SearchStatus> {
  const fallback = choice === 'ripgrep' ? {} : ({ engine: 'builtin' } as const)
  const instead = choice === 'ripgrep' ? 'content search is unavailable' : 'the built-in engine searches instead'
  if (ripgrep === undefined) {
    return { installed: false, ...fallback, message: `no ripgrep came with this daemon for this machine; ${instead}` }
  }
  try {
    const version = await ripgrepVersion(ripgrep)
    return { installed: true, path: ripgrep.binary, version, engine: choice === 'builtin' ? 'builtin' : 'ripgrep' }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { installed: false, ...fallback, message: `ripgrep does not run here: ${reason}; ${instead}` }
  }
}

function chosenEngine(status: SearchStatus): 'ripgrep' | 'builtin' {
  if (status.engine === undefined) throw new Fault('unavailable', status.message ?? 'content search is unavailable')
  return status.engine
}

/** Runs `work` with a signal that aborts when the caller leaves or the query's time is up. */
async function withDeadline<T>(
  query: ContentQuery,
  caller: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController()
  const sentence = `the search did not finish within ${query.timeoutSeconds} s; narrow path or file_types, or raise timeout (at most 60)`
  const late = new Fault('timeout', sentence, { details: { field: 'timeout', seconds: query.timeoutSeconds } })
  const timer = setTimeout(() => deadline.abort(late), query.timeoutSeconds * 1000)
  try {
    return await work(AbortSignal.any([caller, deadline.signal]))
  } finally {
    clearTimeout(timer)
  }
}
