// Content search: ripgrep is asked, and answers in one form. It ships inside the executable and with the
// package; where it cannot run, a search is 503 with the reason. At most 16 searches run at a time, each
// within its own deadline; whatever a search started is gone when its promise settles.

import { Fault } from '../../base/fault.ts'
import { expandPatterns } from '../../threads/walk/pattern-list.ts'
import type { Children } from '../processes/child.ts'
import { EVERYTHING, type Access } from '../files/access.ts'
import type { ContentQuery, SearchTarget } from './content-query.ts'
import { searchJudged } from './judged-search.ts'
import { ripgrepVersion, searchWithRipgrep, type Ripgrep } from './ripgrep-engine.ts'
import type { SearchResult } from './search-result.ts'
import { searchTarget } from './search-target.ts'

export type { ContentQuery }

export interface SearchStatus {
  /** Whether ripgrep runs. */
  readonly installed: boolean
  readonly path?: string
  /** "ripgrep 15.0.0". */
  readonly version?: string
  /** Absent: no search can be run. */
  readonly engine?: 'ripgrep'
  readonly message?: string
}

export interface ContentSearch {
  /** The patterns may still have braces. Throws not_found, not_regular, bad_request (the pattern), rate_limited, unavailable, timeout. */
  search(query: ContentQuery, signal: AbortSignal, access?: Access): Promise<SearchResult>
  readonly running: number
  /** Finds out once; `fresh` finds out again. */
  status(fresh?: boolean): Promise<SearchStatus>
}

export interface ContentSearchOptions {
  readonly children: Children
  /** The program; undefined: there is none for this machine. */
  readonly ripgrep: string | undefined
  readonly environment: Readonly<Record<string, string>>
}

/** Searches at a time: ripgrep takes every core for each. */
const RUNNING_AT_MOST = 16

export function openContentSearch(options: ContentSearchOptions): ContentSearch {
  // ripgrep reads this file whatever the flags before --no-config say; it has no business here.
  const { RIPGREP_CONFIG_PATH: _, ...environment } = options.environment
  const { children, ripgrep: binary } = options
  const ripgrep: Ripgrep | undefined = binary === undefined ? undefined : { children, binary, environment }
  let known: Promise<SearchStatus> | undefined
  let running = 0

  const status = (fresh = false): Promise<SearchStatus> => {
    if (known === undefined || fresh) known = findStatus(ripgrep)
    return known
  }
  /** What could not be run once may run now: a cache directory that was full, a program that was put there. */
  const usable = async (): Promise<Ripgrep> => {
    const { installed } = await status()
    const { engine, message } = installed ? await status() : await status(true)
    if (engine === undefined || ripgrep === undefined) throw new Fault('unavailable', message ?? 'ripgrep does not run')
    return ripgrep
  }

  return {
    status,
    get running() {
      return running
    },
    async search(asked, signal, access = EVERYTHING) {
      const query = { ...asked, ignorePatterns: expandPatterns('ignore_patterns', asked.ignorePatterns) }
      if (running >= RUNNING_AT_MOST) throw tooMany(running)
      running++
      try {
        const program = await usable()
        return await withDeadline(query, signal, async (ending) => {
          const search = async (target: SearchTarget, without: readonly string[] = []): Promise<SearchResult> => {
            ending.throwIfAborted()
            const ignorePatterns = [...query.ignorePatterns, ...without]
            return await searchWithRipgrep(program, { ...query, ignorePatterns }, target, ending)
          }
          if (access.everything) return await search(await searchTarget(query.path))
          return await searchJudged(query.path, access, search)
        })
      } finally {
        running--
      }
    },
  }
}

function tooMany(running: number): Fault {
  const sentence = `${running} content searches are running; at most ${RUNNING_AT_MOST} are accepted`
  const details = { limit: RUNNING_AT_MOST, unit: 'content searches' }
  return new Fault('rate_limited', sentence, { details, retryAfter: 1 })
}

/** Whether ripgrep can be used, decided by running it. Never rejects. */
async function findStatus(ripgrep: Ripgrep | undefined): Promise<SearchStatus> {
  const unavailable = 'content search is unavailable'
  if (ripgrep === undefined) {
    return { installed: false, message: `${unavailable}: no ripgrep came with this daemon for this machine` }
  }
  try {
    const version = await ripgrepVersion(ripgrep)
    return { installed: true, path: ripgrep.binary, version, engine: 'ripgrep' }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { installed: false, message: `${unavailable}: ripgrep does not run here: ${reason}` }
  }
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
