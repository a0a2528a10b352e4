// What the disk says of a watched tree's places, whatever the tree's account of it.

import { lstatSync, realpathSync, statSync, readFileSync } from 'node:fs'
import { forbiddenToWalks, mountPoints } from '../walk/mounts.ts'
import { locate } from './tree.ts'

/** Undefined where nothing is. */
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

// Where something is mounted below a watched root, looked up now and then: the kernel says nothing to who watches
// directories when a mount comes, nor when one of several paths to a file system goes.

/** Milliseconds for which one reading serves all watchers of the thread. */
const FRESH_MS = 500

let read = { at: -Infinity, points: new Map<string, string>() }

function currentPoints(now: number): ReadonlyMap<string, string> {
  if (now - read.at > FRESH_MS) read = { at: now, points: readPoints() }
  return read.points
}

function readPoints(): Map<string, string> {
  try {
    return mountPoints(readFileSync('/proc/self/mountinfo', 'utf8'))
  } catch {
    return new Map() // no /proc: then none is known to come or go
  }
}

export class MountPoints {
  readonly #prefix: string
  #known: ReadonlyMap<string, string>

  /** Throws the system's error of a root that is not there. */
  constructor(root: string) {
    const real = realpathSync(root)
    this.#prefix = real === '/' ? real : `${real}/`
    this.#known = currentPoints(performance.now())
  }

  /** The places where a mount has come or gone since the last call, as names below the root. */
  changed(now: number): string[][] {
    const before = this.#known
    const after = currentPoints(now)
    if (before === after) return []
    this.#known = after
    const places = new Set([...before.keys(), ...after.keys()].filter((path) => before.get(path) !== after.get(path)))
    const below = [...places].filter((path) => path.startsWith(this.#prefix))
    return below.map((path) => path.slice(this.#prefix.length).split('/'))
  }
}
