// Finds out what the `path` of a content search is before an engine is started on it: a directory, a file
// to be searched alone, or nothing that can be searched. Nothing is opened, so a FIFO cannot block.

import { lstat, realpath, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { Fault, faultOfSystem, quote } from '../../base/fault.ts'
import type { SearchTarget } from './content-query.ts'
import { forbiddenToWalks } from '../../threads/walk/mounts.ts'

export async function searchTarget(path: string, judged?: JudgedTarget): Promise<SearchTarget> {
  const at = judged?.at ?? path
  const [stats, real] = await Promise.all([stat(at), realpath(at)]).catch((error: unknown) => {
    throw faultOfSystem(error, path)
  })
  if (stats.isDirectory()) {
    return {
      kind: 'directory',
      directory: path,
      cwd: judged?.at,
      name: '',
      inRepository: await liesInRepository(real),
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
  return { kind: 'file', directory, opened: judged?.at, name, inRepository: false, barred: [] }
}

/** The start of a search for a caller that is not allowed everything. */
export interface JudgedTarget {
  /** A path for our children that leads to what was opened and judged. */
  readonly at: string
  /** Places without links that are left out. */
  readonly withheld: readonly string[]
}

/** The places below `directory`, relative to it; what lies in one of them needs no mention. */
export function barredBelow(directory: string, places: ReadonlySet<string>): string[] {
  const prefix = directory === '/' ? '/' : `${directory}/`
  return [...places]
    .filter((place) => place.startsWith(prefix) && ![...places].some((other) => place.startsWith(`${other}/`)))
    .map((place) => place.slice(prefix.length))
}

/** Whether `directory` or one above it holds `.git`. */
async function liesInRepository(directory: string): Promise<boolean> {
  for (let at = directory; ; at = posix.dirname(at)) {
    const found = await lstat(posix.join(at, '.git')).then(
      () => true,
      () => false,
    )
    if (found || at === '/') return found
  }
}
