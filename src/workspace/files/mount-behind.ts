// Which mount a path leads to, found without touching it: links are read one component at a time, and the walk
// stops at the first mount point that is wanted. Looking at the file itself could wait for ever (stat(2) on a
// network file system whose server has gone).

import { posix } from 'node:path'
import { lstatSync, readlinkSync } from '../../base/path-calls.ts'

/** Links followed at most, as the kernel has it. */
const MOST_LINKS = 40

/** Links of /proc that lead where their text does not say: into another process's root, or to an open file. */
const MAGIC = /^\/proc\/\d+\/(?:task\/\d+\/)?(?:cwd|root|exe|fd\/|map_files\/)/

/** The first of `mounts` on the way of an absolute path; undefined where there is none, or the path ends before. */
export function mountBehind(path: string, mounts: ReadonlySet<string>): string | undefined {
  const rest = path.split('/').reverse()
  let done = ''
  let links = 0
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      done = posix.dirname(done || '/').replace(/^\/$/, '')
      continue
    }
    const next = `${done}/${part}`
    if (mounts.has(next)) return next
    const target = targetOf(next)
    if (target === 'none') return undefined
    if (target === undefined) {
      done = next
      continue
    }
    if (MAGIC.test(next)) return next
    if (++links > MOST_LINKS) return undefined
    if (target.text.startsWith('/')) done = ''
    rest.push(...target.text.split('/').reverse())
  }
  return undefined
}

/** The text of a symbolic link; undefined for anything else; `none` where nothing can be seen. */
function targetOf(path: string): { readonly text: string } | undefined | 'none' {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return 'none'
    return stats.isSymbolicLink() ? { text: readlinkSync(path) } : undefined
  } catch {
    return 'none'
  }
}
