// `searchTarget(path)` finds out the kind of a content search's path before ripgrep is started: a directory, or a file
// to be searched alone; anything else is refused. Nothing is opened, so a FIFO cannot block.

import type { Stats } from 'node:fs'
import { constants } from 'node:fs/promises'
import { posix } from 'node:path'
import { access, lstat, realpath, stat } from '../../base/path-calls.ts'
import { Fault, faultOfSystem, quote } from '../../base/fault.ts'
import { remoteCall } from '../files/mounts/remote-calls.ts'
import type { SearchTarget } from './content-query.ts'
import { forbiddenToWalks } from '../../threads/walk/mounts.ts'

/** Rejects with `not_found`, `forbidden`, `not_regular`, or `timeout` of a mount that does not answer. */
export async function searchTarget(path: string, judged?: JudgedTarget): Promise<SearchTarget> {
  const at = judged?.at ?? path
  const { stats, real } = await remoteCall(path, () => seen(at)).catch((error: unknown) => {
    throw faultOfSystem(error, path)
  })
  if (stats.isDirectory()) {
    return {
      kind: 'directory',
      directory: path,
      cwd: judged?.at,
      name: '',
      repository: await repositoryOf(real),
      barred: barredBelow(real, new Set([...forbiddenToWalks(), ...(judged?.withheld ?? [])])),
    }
  }
  if (!stats.isFile()) {
    throw new Fault(
      'not_regular',
      `path ${quote(path)} is neither a directory nor a regular file; accepted is one of them`,
      {
        details: { field: 'path' },
      },
    )
  }
  const [directory, name] = [posix.dirname(path), posix.basename(path)]
  return { kind: 'file', directory, opened: judged?.at, name, repository: undefined, barred: [] }
}

/** The start of a search for a caller that is not allowed everything. */
export interface JudgedTarget {
  /** A path, valid in child processes, of the opened and judged directory or file. */
  readonly at: string
  /** Real paths that are left out. */
  readonly withheld: readonly string[]
}

/**
 * One call at a time, so that one thread is taken if the file system does not answer. Throws the system's error for a
 * place that the daemon may not read, since ripgrep would start in it all the same.
 */
async function seen(path: string): Promise<{ stats: Stats; real: string }> {
  const stats = await stat(path)
  await access(path, stats.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK)
  return { stats, real: await realpath(path) }
}

/** Returns the places below `directory`, relative to it, without those that lie in another. */
export function barredBelow(directory: string, places: ReadonlySet<string>): string[] {
  const prefix = directory === '/' ? '/' : `${directory}/`
  return [...places]
    .filter((place) => place.startsWith(prefix) && ![...places].some((other) => place.startsWith(`${other}/`)))
    .map((place) => place.slice(prefix.length))
}

/** Resolves with the nearest of `directory` and those above it that holds `.git`. */
async function repositoryOf(directory: string): Promise<string | undefined> {
  for (let at = directory; ; at = posix.dirname(at)) {
    const found = await remoteCall(at, () => lstat(posix.join(at, '.git'))).then(
      () => true,
      () => false,
    )
    if (found) return at
    if (at === '/') return undefined
  }
}
