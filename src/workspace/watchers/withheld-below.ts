// What a watcher leaves out for a caller that is not allowed everything: the withheld places below its root, as
// globs that match them alone and that no glob before them takes back.

import { Buffer } from 'node:buffer'
import type { Access } from '../files/opening/access.ts'
import type { ShownChange } from '../../threads/watch/windows.ts'
import { kernelPath, openPath } from '../files/opening/judged-open.ts'
import { faultOfPath } from '../files/opening/missing-path.ts'
import { isWithin } from '../files/mounts/mount-table.ts'

/** Throws `forbidden` where the root itself is withheld. */
export async function withheldBelow(root: string, access: Access): Promise<string[]> {
  if (access.everything) return []
  await using opened = await access.open(root).catch(async (error: unknown) => {
    throw await faultOfPath(error, root)
  })
  const { paths } = await access.leftOut()
  return globsBelow(kernelPath(opened.fd, 'latin1'), paths)
}

/**
 * What a watcher of someone who is allowed everything tells no other: the withheld places as it names them, the root
 * itself where that is one. `limited`: the access of those others.
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
    return [] // what cannot be opened is told by the watcher itself
  }
}

/** Whether a change, as the reader tells it, is of a hidden place. */
export function isHidden(change: string, hidden: readonly string[]): boolean {
  if (hidden.length === 0) return false
  const { path, from, to } = JSON.parse(change) as ShownChange // our own reader's
  return [path, from, to].some((one) => one !== undefined && hidden.some((place) => isWithin(one, place)))
}

/** Pure; latin1, one character a byte. */
export function globsBelow(root: string, paths: readonly string[]): string[] {
  const prefix = root === '/' ? '/' : `${root}/`
  return paths.filter((path) => path.startsWith(prefix)).map((path) => `/${literal(path.slice(prefix.length))}`)
}

/** A glob of .gitignore syntax that matches `path` and nothing else. */
function literal(path: string): string {
  return Buffer.from(path, 'latin1')
    .toString('utf8')
    .replace(/[\\*?[\]{}!# ]/g, '\\$&')
}
