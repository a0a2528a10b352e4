// The withheld places below a watcher's root, which a caller who may not see everything does not watch. They become
// globs that match these places alone and that no earlier glob undoes.

import { Buffer } from 'node:buffer'
import type { Access } from '../files/opening/access.ts'
import type { ShownChange } from '../../threads/watch/windows.ts'
import { kernelPath, openPath } from '../files/opening/judged-open.ts'
import { faultOfPath } from '../files/opening/missing-path.ts'
import { isWithin } from '../files/mounts/mount-table.ts'

/** Resolves with the globs of the withheld places. Throws `forbidden` if the root itself is withheld. */
export async function withheldBelow(root: string, access: Access): Promise<string[]> {
  if (access.everything) return []
  await using opened = await access.open(root).catch(async (error: unknown) => {
    throw await faultOfPath(error, root)
  })
  const { paths } = await access.leftOut()
  return globsBelow(kernelPath(opened.fd, 'latin1'), paths)
}

/**
 * Resolves with the withheld places, spelled as in the events of a watcher whose creator may see everything; the root
 * if it is withheld itself. Callers with `limited` access get no changes of these places.
 */
export async function hiddenBelow(root: string, limited: Access): Promise<string[]> {
  try {
    await using opened = await openPath(root)
    const { paths } = await limited.leftOut()
    const real = kernelPath(opened.fd, 'latin1')
    return paths.flatMap((path) => {
      if (isWithin(real, path)) return [root]
      if (!isWithin(path, real)) return []
      const below = Buffer.from(path.slice(real === '/' ? 1 : real.length + 1), 'latin1').toString('utf8')
      return [root === '/' ? `/${below}` : `${root}/${below}`]
    })
  } catch {
    return [] // the watcher itself reports a root that cannot be opened
  }
}

/** True if a change, in the reader's JSON, is about a hidden place. */
export function isHidden(change: string, hidden: readonly string[]): boolean {
  if (hidden.length === 0) return false
  const { path, from, to } = JSON.parse(change) as ShownChange // our reader wrote it
  return [path, from, to].some((one) => one !== undefined && hidden.some((place) => isWithin(one, place)))
}

/** Returns the globs for `paths` below `root`, both latin1, one character a byte. Pure. */
export function globsBelow(root: string, paths: readonly string[]): string[] {
  const prefix = root === '/' ? '/' : `${root}/`
  return paths.filter((path) => path.startsWith(prefix)).map((path) => `/${literal(path.slice(prefix.length))}`)
}

/** Returns a glob of .gitignore syntax that matches only `path`. */
function literal(path: string): string {
  return Buffer.from(path, 'latin1')
    .toString('utf8')
    .replace(/[\\*?[\]{}!# ]/g, '\\$&')
}
