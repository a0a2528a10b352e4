// Finds the mount of a path, and its place in that mount's file system. A bind mount gives a directory a second path;
// its device and the path from the root of its file system stay the same. Pure, but for `mountBehind`, which reads
// links. Paths have the form of the table that they are compared with: latin1, or text of ours (bytes-text.ts).

import { posix } from 'node:path'
import type { Mount } from '../../../base/mountinfo.ts'
import { MOST_LINKS } from '../../../base/opened-path.ts'
import { lstatSync, readlinkSync } from '../../../base/path-calls.ts'

/** A place in a file system, the same for every path that leads to it. */
export interface DevicePath {
  /** `major:minor`. */
  readonly device: string
  /** Path from the root of the file system. */
  readonly path: string
}

/** Returns the place of a path that lies on `mount`. */
export function devicePathOn({ device, root, point }: Mount, path: string): DevicePath {
  return { device, path: joined(root, path.slice(point === '/' ? 0 : point.length)) }
}

/**
 * Returns the mount that a path without links lies on: of those at the longest mount point on its way, the last made.
 */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined
  for (const mount of mounts) {
    if (isWithin(path, mount.point) && mount.point.length >= (found?.point.length ?? 0)) found = mount
  }
  return found
}

/** Returns every path that leads to the place or, if only parts of it are mounted, into it. */
export function pathsOf(mounts: readonly Mount[], { device, path }: DevicePath): string[] {
  return mounts.flatMap((mount) => {
    if (mount.device !== device) return []
    if (isWithin(path, mount.root)) return [joined(mount.point, path.slice(mount.root === '/' ? 0 : mount.root.length))]
    return isWithin(mount.root, path) ? [mount.point] : []
  })
}

/** True if `path` is `directory` or lies below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

function joined(directory: string, rest: string): string {
  return rest === '' || rest === '/' ? directory : `${directory === '/' ? '' : directory}${rest}`
}

/** Links of /proc that lead where their text does not say: into another process's root, or to an open file. */
const MAGIC = /^\/proc\/\d+\/(?:task\/\d+\/)?(?:cwd|root|exe|fd\/|map_files\/)/

/** Such links of this process, by which opened directories are reached: their text is the path as it is now. */
const OWN = new RegExp(String.raw`^/proc/${process.pid}/(?:task/\d+/)?(?:cwd$|fd/)`)

/**
 * Returns the first of the mount points `points` on the way of an absolute path; undefined if there is none, or if the
 * path ends before. Links are read one component at a time and the mount itself is not touched: stat(2) on a network
 * file system whose server has gone would not return.
 */
export function mountBehind(path: string, points: ReadonlySet<string>): string | undefined {
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
    if (points.has(next)) return next
    const target = targetOf(next)
    if (target === 'none') return undefined
    if (target === undefined) {
      done = next
      continue
    }
    if (MAGIC.test(next) && !OWN.test(next)) return next
    if (++links > MOST_LINKS) return undefined
    if (target.text.startsWith('/')) done = ''
    rest.push(...target.text.split('/').reverse())
  }
  return undefined
}

/** Returns the text of a symbolic link; undefined for anything else; `none` if nothing can be seen there. */
function targetOf(path: string): { readonly text: string } | undefined | 'none' {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return 'none'
    return stats.isSymbolicLink() ? { text: readlinkSync(path) } : undefined
  } catch {
    return 'none'
  }
}
