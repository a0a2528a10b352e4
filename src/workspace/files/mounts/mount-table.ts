// The mounts of this process as /proc/self/mountinfo lists them, and where in its file system something lies. A
// bind mount gives a directory a second path; its place in the file system (device and path from that file
// system's own root) stays one. Pure. Paths are latin1 text, one character a byte: names need not be UTF-8.
import { posix } from 'node:path'
import { lstatSync, readlinkSync } from '../../../base/path-calls.ts'

export interface Mount {
  readonly id: string
  /** `major:minor` of the file system. */
  readonly device: string
  /** What of the file system is mounted: "/" unless it is a bind mount of a part. */
  readonly root: string
  readonly point: string
  /** "ext4", "proc" … */
  readonly type: string
}

/** Where something lies, whatever the path that led there. */
export interface Place {
  readonly device: string
  /** From the root of its file system. */
  readonly path: string
}

export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [id, , device, root, point] = line.split(' ')
    const type = / - (\S+)/.exec(line)?.[1]
    if (id === undefined || device === undefined || root === undefined || point === undefined) return []
    return [{ id, device, root: unescaped(root), point: unescaped(point), type: type ?? '' }]
  })
}

/** Blanks, tabs, line feeds and backslashes are octal escapes (proc(5)). */
function unescaped(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
}

/** The place of a path that lies on `mount`. */
export function placeOn({ device, root, point }: Mount, path: string): Place {
  return { device, path: joined(root, path.slice(point === '/' ? 0 : point.length)) }
}

/** The mount that a path without links lies on: the last one made on the longest way. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined
  for (const mount of mounts) {
    if (isWithin(path, mount.point) && mount.point.length >= (found?.point.length ?? 0)) found = mount
  }
  return found
}

/** Every path that leads to `place` or, where only parts of it are mounted, into it. */
export function pathsOf(mounts: readonly Mount[], { device, path }: Place): string[] {
  return mounts.flatMap((mount) => {
    if (mount.device !== device) return []
    if (isWithin(path, mount.root)) return [joined(mount.point, path.slice(mount.root === '/' ? 0 : mount.root.length))]
    return isWithin(mount.root, path) ? [mount.point] : []
  })
}

/** Whether `path` is `directory` or below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

function joined(directory: string, rest: string): string {
  return rest === '' || rest === '/' ? directory : `${directory === '/' ? '' : directory}${rest}`
}

// Which mount a path leads to, found without touching it: links are read one component at a time, and the walk
// stops at the first mount point that is wanted. Looking at the file itself could wait for ever (stat(2) on a
// network file system whose server has gone).

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
