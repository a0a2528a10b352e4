// Asks the disk about places in a watched tree: their kind, their identity, and the mounts below the root. The tree's
// own knowledge of them is in tree.ts.

import { lstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { POLLERR, pollReadable } from '../../native/libc.ts'
import { forbiddenToWalks, mountPoints } from '../walk/mounts.ts'
import { locate, nameOfBytes } from './tree.ts'

/** Returns true for a directory, false for another entry, undefined if there is none. */
export function isDirectoryAt(path: string): boolean | undefined {
  const { path: text, raw } = locate(path)
  try {
    return lstatSync(raw ?? text, { throwIfNoEntry: false })?.isDirectory()
  } catch {
    return undefined // a directory on the way has gone; its own event tells of that
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

/** Returns the places that walks never enter, as paths below `root`, which may be a link. */
export function forbiddenBelow(root: string): ReadonlySet<string> {
  const real = realpathSync(root)
  if (real === root) return forbiddenToWalks()
  const below = [...forbiddenToWalks()].filter((path) => path.startsWith(`${real}/`))
  return new Set(below.map((path) => root + path.slice(real.length)))
}

const READ_BYTES = 65_536

/** The kernel's list of mounts, kept open for all watchers of a thread. Asking costs 2 µs unless it has changed. */
export class MountTable {
  #fd: number | undefined
  #points: ReadonlyMap<string, string> = new Map()

  /** Number of the last mount by place, one character a byte; the same object until a mount comes or goes. */
  get points(): ReadonlyMap<string, string> {
    try {
      const first = this.#fd === undefined
      this.#fd ??= openSync('/proc/self/mountinfo', 'r')
      const changed = ((pollReadable([this.#fd], 0)[0] ?? 0) & POLLERR) !== 0
      if (first || changed) this.#points = mountPoints(wholeText(this.#fd))
    } catch {
      // no /proc, or no free descriptor: the last known list stays
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

/**
 * Mounts below a watched root. inotify reports neither a new mount nor the end of one of several paths to a file
 * system; the kernel's list of mounts shows both. A new mount is not entered until the main thread allows it: its file
 * system may not answer, and one call into it blocks the whole thread.
 */
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

  /** Throws the system's error if the root does not exist. */
  constructor(root: string, table: MountTable) {
    const real = realpathSync(root, 'latin1')
    this.#table = table
    this.#root = root
    this.#prefix = real === '/' ? real : `${real}/`
    this.#entered = table.points
    this.#judged = this.#entered
    this.#seen = this.#entered
  }

  /** True if a new mount that may not be entered yet is at `path`, a directory of the tree. */
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

  /** Takes the main thread's verdict on the mounts of the last `changed`. `enter`: they may be entered from now on. */
  judged(enter: boolean): void {
    this.#judged = this.#seen
    if (enter) this.#entered = this.#seen
  }
}

function nameOfLatin1(text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  return nameOfBytes(bytes, 0, bytes.length)
}
