// A directory with its parents. Not by Node's `recursive`: where a file system takes no directories and says so
// with ENOENT, as /proc does, that one tries again without end, and nothing can stop it.

import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf } from './fault.ts'

/** Makes what is missing of `path`; returns the outermost directory made, if any. Throws the system's error. */
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
