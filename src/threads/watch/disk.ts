// What the disk says of places in a watched tree, apart from what the tree knows of them.

import { lstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { POLLERR, pollReadable } from '../../native/libc.ts'
import { forbiddenToWalks, mountPoints } from '../walk/mounts.ts'
import { locate, nameOfBytes } from './tree.ts'

/** True for a directory, false for another entry; undefined: there is none. */
export function isDirectoryAt(path: string): boolean | undefined {
  const { path: text, raw } = locate(path)
  try {
    return lstatSync(raw ?? text, { throwIfNoEntry: false })?.isDirectory()
  } catch {
    return undefined // a directory on the way has gone, which is told by its own
  }
}

export function identityOf(path: string): string {
  const { dev, ino } = statSync(path)
  return `${dev}:${ino}`
}

export function identityOr(path: string): string | undefined {
  try {
    return identityOf(path)
  } catch {
    return undefined
  }
}

/** The places that walks keep out of, as paths below a root that may be a link. */
export function forbiddenBelow(root: string): ReadonlySet<string> {
  const real = realpathSync(root)
  if (real === root) return forbiddenToWalks()
  const below = [...forbiddenToWalks()].filter((path) => path.startsWith(`${real}/`))
  return new Set(below.map((path) => root + path.slice(real.length)))
}

// Mounts below a watched root. The kernel tells a watcher of directories nothing when a mount comes, nor when one of
// several paths to a file system goes; its list of mounts does. A mount that has come since is not entered before the
// main thread has said so: its file system may not answer, and one call into it holds the whole thread.

const READ_BYTES = 65_536

/** The kernel's list of mounts, kept open for all watchers of a thread. Asking costs 2 µs unless it has changed. */
export class MountTable {
  #fd: number | undefined
  #points: ReadonlyMap<string, string> = new Map()

  /** The number of the last mount at each place, one character a byte; the same object until a mount comes or goes. */
  get points(): ReadonlyMap<string, string> {
    try {
      const first = this.#fd === undefined
      this.#fd ??= openSync('/proc/self/mountinfo', 'r')
      const changed = ((pollReadable([this.#fd], 0)[0] ?? 0) & POLLERR) !== 0
      if (first || changed) this.#points = mountPoints(wholeText(this.#fd))
    } catch {
      // no /proc, or no free descriptor: what was known stays
    }
    return this.#points
  }
}

function wholeText(fd: number): string {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const part = Buffer.allocUnsafe(READ_BYTES)
    const length = readSync(fd, part, 0, READ_BYTES, at)
    if (length === 0) return Buffer.concat(parts).toString('latin1')
    parts.push(part.subarray(0, length))
    at += length
  }
}

export class MountPoints {
  readonly #table: MountTable
  readonly #root: string
  /** Real path of the root and a slash, one character a byte. */
  readonly #prefix: string
  /** The mounts that may be entered. */
  #entered: ReadonlyMap<string, string>
  /** The mounts that the main thread has judged. */
  #judged: ReadonlyMap<string, string>
  /** The mounts as they were when `changed` was last asked. */
  #seen: ReadonlyMap<string, string>

  /** Throws the system's error of a root that is not there. */
  constructor(root: string, table: MountTable) {
    const real = realpathSync(root, 'latin1')
    this.#table = table
    this.#root = root
    this.#prefix = real === '/' ? real : `${real}/`
    this.#entered = table.points
    this.#judged = this.#entered
    this.#seen = this.#entered
  }

  /** True for a directory of the tree where a mount has come that was not entered yet. */
  isNew(path: string): boolean {
    const { points } = this.#table
    if (points === this.#entered) return false
    const { path: text, raw } = locate(path.slice(this.#root === '/' ? 1 : this.#root.length + 1))
    const point = this.#prefix + (raw ?? Buffer.from(text)).toString('latin1')
    const mount = points.get(point)
    return mount !== undefined && mount !== this.#entered.get(point)
  }

  /** Returns the places where a mount has come or gone since `judged`, as names below the root. */
  changed(): string[][] {
    const before = this.#judged
    const after = this.#table.points
    this.#seen = after
    if (before === after) return []
    const places = new Set([...before.keys(), ...after.keys()].filter((path) => before.get(path) !== after.get(path)))
    const below = [...places].filter((path) => path.startsWith(this.#prefix))
    return below.map((path) => path.slice(this.#prefix.length).split('/').map(nameOfLatin1))
  }

  /** The main thread has judged what the last `changed` told of: it may be entered from now on, or not. */
  judged(enter: boolean): void {
    this.#judged = this.#seen
    if (enter) this.#entered = this.#seen
  }
}

function nameOfLatin1(text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  return nameOfBytes(bytes, 0, bytes.length)
}
