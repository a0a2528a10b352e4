// A content search for a caller that is not allowed everything: ripgrep starts in what was opened and judged, is
// told which places to leave out, and of what it has found nothing is told that is withheld under another name.

import { stat } from '../../base/path-calls.ts'
import { Withheld } from '../../threads/walk/left-out.ts'
import type { Access } from '../files/access.ts'
import { faultOfPath } from '../files/missing-path.ts'
import { isMadeUp } from '../files/guard.ts'
import type { SearchTarget } from './content-query.ts'
import type { FoundFile, ResultCollector } from './search-result.ts'
import { searchTarget } from './search-target.ts'

export async function searchJudged(
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
  // Below /proc the environment of a process is judged where it is named itself, and left out elsewhere.
  const without = target.kind === 'directory' && (await isMadeUp(path, await opened.stat())) ? ['environ'] : []
  return await withoutWithheld(await search(target, without), target, new Withheld(leftOut))
}

/** Looks at each file once: a hard link is a file of ours under a name that ripgrep was not told. */
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
