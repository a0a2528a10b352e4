// A content search for a caller that is not allowed everything: ripgrep starts in what was opened and judged, is
// told which places to leave out, and of what it has found nothing is told that is withheld under another name.

import { stat } from 'node:fs/promises'
import { Withheld } from '../../threads/walk/left-out.ts'
import type { Access } from '../files/access.ts'
import { faultOfPath } from '../files/missing-path.ts'
import { isMadeUp } from '../files/regular-file.ts'
import type { SearchTarget } from './content-query.ts'
import type { FlatMatch, SearchResult } from './search-result.ts'
import { searchTarget } from './search-target.ts'

export async function searchJudged(
  path: string,
  access: Access,
  search: (target: SearchTarget, without: readonly string[]) => Promise<SearchResult>,
): Promise<SearchResult> {
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
async function withoutWithheld(result: SearchResult, target: SearchTarget, withheld: Withheld): Promise<SearchResult> {
  if (target.kind === 'file') return result
  const hidden = new Set<string>()
  for (const path of new Set(result.matches.map(keyOf))) {
    const stats = await stat(placeOf(path, target), { bigint: true }).catch(() => undefined)
    if (stats !== undefined && withheld.has(stats)) hidden.add(path)
  }
  if (hidden.size === 0) return result
  const matches = result.matches.filter((match) => !hidden.has(keyOf(match)))
  const shown = new Set(matches.map(({ path }) => path.slice(prefixOf(target).length)))
  const results = Object.fromEntries(Object.entries(result.results).filter(([path]) => shown.has(path)))
  return { ...result, results, matches, total_matches: matches.length, total_files: shown.size }
}

/** The bytes of a match's path, one character each. */
function keyOf({ path, path_base64: bytes }: FlatMatch): string {
  return (bytes === undefined ? Buffer.from(path) : Buffer.from(bytes, 'base64')).toString('latin1')
}

function placeOf(key: string, target: SearchTarget): Buffer {
  const below = Buffer.from(key, 'latin1').subarray(Buffer.byteLength(prefixOf(target)))
  return Buffer.concat([Buffer.from(`${target.cwd ?? target.directory}/`), below])
}

function prefixOf({ directory }: SearchTarget): string {
  return directory === '/' ? '/' : `${directory}/`
}
