// Makes a directory with its parents. Node's `recursive` is no use: on a file system that takes no directories and says
// so with ENOENT, as /proc does, it tries again without end, and nothing can stop it.

import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf } from './fault.ts'

/** Makes the missing directories of `path`; returns the outermost one made, if any. Throws the system's error. */
export function makeWithParents(path: string, mode: number): string | undefined {
  const missing = [path]
  for (let at = dirname(path); !existsSync(at); at = dirname(at)) missing.unshift(at)
  let outermost: string | undefined
  for (const at of missing) {
    try {
      mkdirSync(at, mode)
      outermost ??= at
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || !isDirectory(at)) throw error
    }
  }
  return outermost
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
