// What a watcher leaves out for a caller that is not allowed everything: the withheld places below its root, as
// globs that match them alone and that no glob before them takes back.

import { Buffer } from 'node:buffer'
import type { Access } from '../files/access.ts'
import { kernelPath } from '../files/judged-open.ts'
import { faultOfPath } from '../files/missing-path.ts'

/** Throws `forbidden` where the root itself is withheld. */
export async function withheldBelow(root: string, access: Access): Promise<string[]> {
  if (access.everything) return []
  await using opened = await access.open(root).catch(async (error: unknown) => {
    throw await faultOfPath(error, root)
  })
  const { paths } = await access.leftOut()
  return globsBelow(kernelPath(opened.fd, 'latin1'), paths)
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
