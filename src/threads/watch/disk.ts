// What the disk says of a watched tree's places, whatever the tree's account of it.

import { lstatSync, realpathSync, statSync } from 'node:fs'
import { forbiddenToWalks } from '../walk/mounts.ts'
import { locate } from './names.ts'

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
