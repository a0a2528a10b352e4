// Finds out what the `path` of a content search is before ripgrep is started on it: a directory, a file
// to be searched alone, or nothing that can be searched. Nothing is opened, so a FIFO cannot block.

import type { Stats } from 'node:fs'
import { constants } from 'node:fs/promises'
import { posix } from 'node:path'
import { access, lstat, realpath, stat } from '../../base/path-calls.ts'
import { Fault, faultOfSystem, quote } from '../../base/fault.ts'
import { remoteCall } from '../files/mounts/remote-calls.ts'
import type { SearchTarget } from './content-query.ts'
import { forbiddenToWalks } from '../../threads/walk/mounts.ts'

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
  /** A path for our children that leads to what was opened and judged. */
  readonly at: string
  /** Places without links that are left out. */
  readonly withheld: readonly string[]
}

/**
 * One call at a time, so that it takes one of the threads if the file system does not answer. Throws what the system says
 * of a place that is closed to us; ripgrep would be started in it all the same.
 */
async function seen(path: string): Promise<{ stats: Stats; real: string }> {
  const stats = await stat(path)
  await access(path, stats.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK)
  return { stats, real: await realpath(path) }
}

/** The places below `directory`, relative to it; what lies in one of them needs no mention. */
export function barredBelow(directory: string, places: ReadonlySet<string>): string[] {
  const prefix = directory === '/' ? '/' : `${directory}/`
  return [...places]
    .filter((place) => place.startsWith(prefix) && ![...places].some((other) => place.startsWith(`${other}/`)))
    .map((place) => place.slice(prefix.length))
}

/** The nearest of `directory` and those above it that holds `.git`. */
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
