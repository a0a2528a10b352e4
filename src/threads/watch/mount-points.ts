// Where something is mounted below a watched root, looked up now and then: the kernel says nothing to who watches
// directories when a mount comes, nor when one of several paths to a file system goes.

import { readFileSync, realpathSync } from 'node:fs'
import { mountPoints } from '../walk/mounts.ts'

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
