// Content search by ripgrep: `openContentSearch(options)`, then `search(query, signal, access)`. ripgrep ships inside
// the executable and with the package; if it cannot run, a search is 503 with the reason. At most 16 searches run at a
// time, and 8 more on mounts, each with its own deadline. When the promise of a search settles, its processes are gone.

import { proveProgram } from '../../base/assets.ts'
import { Fault, faultOfExhaustion } from '../../base/fault.ts'
import { folded } from '../../threads/walk/fold.ts'
import { expandPatterns } from '../../threads/walk/pattern-list.ts'
import type { Walkers } from '../listing/walkers.ts'
import type { Children } from '../processes/child.ts'
import { EVERYTHING, type Access } from '../files/opening/access.ts'
import type { ContentQuery, SearchTarget } from './content-query.ts'
import { ripgrepVersion, searchWithRipgrep, type Ripgrep, type SearchMeans, whileWanted } from './ripgrep-engine.ts'
import { ResultCollector, type SearchResult, type FoundFile } from './search-result.ts'
import { searchTarget } from './search-target.ts'
import { stat } from '../../base/path-calls.ts'
import { Withheld } from '../../threads/walk/left-out.ts'
import { leadsToRemote } from '../files/mounts/remote-calls.ts'
import { faultOfPath } from '../files/opening/missing-path.ts'
import { isMadeUp } from '../files/opening/regular-file.ts'

export type { ContentQuery }

export interface SearchStatus {
  /** True if ripgrep runs. */
  readonly installed: boolean
  readonly path?: string
  /** "ripgrep 15.0.0". */
  readonly version?: string
  /** Absent if no search can be run. */
  readonly engine?: 'ripgrep'
  readonly message?: string
  /** Given if the machine lacks memory or descriptors at the moment: a later search may run. */
  readonly lacking?: Fault | undefined
}

export interface ContentSearch {
  /**
   * Patterns may have braces, types any case. Throws `not_found`, `not_regular`, `bad_request` (the pattern),
   * `rate_limited`, `unavailable`.
   */
  search(query: ContentQuery, signal: AbortSignal, access?: Access): Promise<SearchResult>
  readonly running: number
  /** Runs ripgrep once to find out; `fresh` runs it again. */
  status(fresh?: boolean): Promise<SearchStatus>
}

export interface ContentSearchOptions {
  readonly children: Children
  /** The program; undefined: there is none for this machine. */
  readonly ripgrep: string | undefined
  readonly environment: Readonly<Record<string, string>>
  /** List the files that ripgrep is not asked to choose, and know where git keeps the user's own rules. */
  readonly walkers: Walkers
}

/** Most searches at a time: ripgrep takes every core for each. */
const RUNNING_AT_MOST = 16

/** Most searches at a time that may meet a mount which does not answer; they take no place of the others. */
const FAR_AT_MOST = 8

export function openContentSearch(options: ContentSearchOptions): ContentSearch {
  // ripgrep would read this file even with --no-config behind other flags.
  const { RIPGREP_CONFIG_PATH: _, ...environment } = options.environment
  const { children, walkers, ripgrep: binary } = options
  const ripgrep: Ripgrep | undefined = binary === undefined ? undefined : { children, binary, environment }
  let known: Promise<SearchStatus> | undefined
  const running = { near: 0, far: 0 }

  const status = (fresh = false): Promise<SearchStatus> => {
    if (known === undefined || fresh) known = findStatus(ripgrep)
    return known
  }
  /** Returns ripgrep, trying again if it did not run before: a full cache directory may have room now. */
  const usable = async (): Promise<Ripgrep> => {
    const { installed } = await status()
    const { engine, message, lacking } = installed ? await status() : await status(true)
    if (lacking !== undefined) throw lacking
    if (engine === undefined || ripgrep === undefined) throw new Fault('unavailable', message ?? 'ripgrep does not run')
    return ripgrep
  }

  return {
    status,
    get running() {
      return running.near + running.far
    },
    async search(asked, signal, access = EVERYTHING) {
      const ignorePatterns = expandPatterns('ignore_patterns', asked.ignorePatterns)
      const query = { ...asked, ignorePatterns, fileTypes: asked.fileTypes.map(folded) }
      const which = leadsToRemote(query.path) ? 'far' : 'near'
      if (running[which] >= MOST[which].limit) throw tooMany(which)
      running[which]++
      try {
        const program = await usable()
        return await withDeadline(query, signal, (ending) =>
          searchOnce({ ripgrep: program, walkers, access }, query, ending),
        )
      } finally {
        running[which]--
      }
    },
  }
}

const MOST = {
  near: { limit: RUNNING_AT_MOST, unit: 'content searches' },
  far: { limit: FAR_AT_MOST, unit: 'content searches that lead to mounts which may not answer' },
} as const

function tooMany(which: keyof typeof MOST): Fault {
  const { limit, unit } = MOST[which]
  return new Fault('rate_limited', `${limit} ${unit} are running; no more are accepted`, {
    details: { limit, unit },
    retryAfter: 1,
  })
}

/** Finds out whether ripgrep can be used, by running it. Never rejects. */
async function findStatus(ripgrep: Ripgrep | undefined): Promise<SearchStatus> {
  const unavailable = 'content search is unavailable'
  if (ripgrep === undefined) {
    return { installed: false, message: `${unavailable}: no ripgrep came with this daemon for this machine` }
  }
  try {
    proveProgram(ripgrep.binary)
    const version = await ripgrepVersion(ripgrep)
    return { installed: true, path: ripgrep.binary, version, engine: 'ripgrep' }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `${unavailable}: ripgrep does not run here: ${reason}`
    return { installed: false, message, lacking: faultOfExhaustion(error) }
  }
}

/** The two signals of one search: `late` aborts when its time is up, `signal` then and when the caller leaves. */
interface Ending {
  readonly signal: AbortSignal
  readonly late: AbortSignal
}

/** A search that runs out of time answers what it has found, also without what is withheld. */
async function searchOnce(means: SearchMeans, asked: ContentQuery, ending: Ending): Promise<SearchResult> {
  const { signal } = ending
  const search = async (target: SearchTarget, without: readonly string[] = []): Promise<ResultCollector> => {
    const query = { ...asked, ignorePatterns: [...asked.ignorePatterns, ...without] }
    const collector = new ResultCollector(query, target)
    const directory = target.cwd ?? target.directory
    const name = target.opened === undefined ? undefined : target.name
    await untilLate(searchWithRipgrep({ ...means, query, target, directory, name, collector }, signal), ending, () =>
      collector.endLate(),
    )
    return collector
  }
  const begin = async (): Promise<ResultCollector> =>
    // ripgrep is given text: below a path that is not UTF-8 it starts in what is open.
    means.access.everything && asked.path.isWellFormed()
      ? await search(await whileWanted(searchTarget(asked.path), signal))
      : await searchJudged(asked.path, means.access, search)
  const nothing = { kind: 'directory' as const, directory: asked.path, name: '', repository: undefined, barred: [] }
  const late = new ResultCollector(asked, nothing)
  return ((await untilLate(begin(), ending, () => late.endLate())) ?? late).result()
}

/** Resolves with undefined if the time was up first, after calling `onLate`. */
async function untilLate<T>(work: Promise<T>, { late }: Ending, onLate: () => void): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (!late.aborted || error !== late.reason) throw error
    onLate()
    return undefined
  }
}

/** Runs `work` with signals that abort when the caller leaves or the query's time is up. */
async function withDeadline<T>(
  query: ContentQuery,
  caller: AbortSignal,
  work: (ending: Ending) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(new Error('the time of the search is up')), query.timeoutSeconds * 1000)
  try {
    return await work({ signal: AbortSignal.any([caller, deadline.signal]), late: deadline.signal })
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Searches for a caller that is not allowed everything: ripgrep starts in the opened and judged directory, is told
 * which places to leave out, and a file that is withheld under another name is taken out of the answer.
 */
async function searchJudged(
  path: string,
  access: Access,
  search: (target: SearchTarget, without: readonly string[]) => Promise<ResultCollector>,
): Promise<ResultCollector> {
  await using opened = await access.open(path).catch(async (error: unknown) => {
    throw await faultOfPath(error, path)
  })
  const leftOut = await access.leftOut()
  const withheld = leftOut.paths.map((place) => Buffer.from(place, 'latin1').toString('utf8'))
  const target = await searchTarget(path, { at: `/proc/${process.pid}/fd/${opened.fd}`, withheld })
  // Below /proc the environment of a process is searched only if the caller named it, and was judged then.
  const without = target.kind === 'directory' && (await isMadeUp(path, await opened.stat())) ? ['environ'] : []
  return await withoutWithheld(await search(target, without), target, new Withheld(leftOut))
}

/** Looks at each found file once: a hard link is a withheld file under a name that ripgrep was not told. */
async function withoutWithheld(
  collector: ResultCollector,
  target: SearchTarget,
  withheld: Withheld,
): Promise<ResultCollector> {
  if (target.kind === 'file') return collector
  for (const file of collector.files()) {
    const stats = await stat(placeOf(file, target), { bigint: true }).catch(() => undefined)
    if (stats !== undefined && withheld.has(stats)) collector.forget(file.key)
  }
  return collector
}

function placeOf({ path, raw }: FoundFile, target: SearchTarget): Buffer {
  return Buffer.concat([Buffer.from(`${target.cwd ?? target.directory}/`), raw ?? Buffer.from(path)])
}
