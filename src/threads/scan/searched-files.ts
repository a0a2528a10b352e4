// The files that the built-in engine looks at, in walk order: regular files on the ground that every walk
// stands on, hidden ones and other extensions left out as the query says. The same choice as ripgrep's with
// the flags of workspace/ripgrep-argv, which a test compares.

import type { ScanOrder } from './content-query.ts'
import { below, type Location } from '../walk/directory.ts'
import { Ground, type Directory } from '../walk/ground.ts'

export interface SearchedFile {
  /** Relative to the searched directory. */
  readonly path: string
  /** The bytes of that path in base64, where it is not UTF-8. */
  readonly pathBytes?: string
  /** To be opened. */
  readonly location: Location
}

/** `warn` is told at the end of what could not be read on the way. */
export function* searchedFiles(order: ScanOrder, warn: (warning: string) => void): Generator<SearchedFile> {
  const { query, target, home } = order
  const rules = { gitignore: query.ignoreRules, patterns: query.ignorePatterns, home }
  const ground = new Ground(target.directory, rules)
  const wanted = query.fileTypes.map((extension) => `.${extension}`)
  const waiting: Directory[] = [ground.root]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const item of ground.enter(at)) {
      if (item.kind !== 'directory' && item.kind !== 'file') continue
      if (item.name.startsWith('.') && !query.includeHidden) continue
      if (item.kind === 'file' && wanted.length > 0 && !wanted.some((end) => item.name.endsWith(end))) continue
      if (!ground.admits(at, item)) continue
      if (item.kind === 'file') {
        yield searchedFile(ground.root, below(at, item))
      } else {
        const child = ground.descend(at, item)
        if (child !== undefined) waiting.push(child)
      }
    }
  }
  for (const path of ground.unreadable) warn(`${path}: cannot be read`)
  const unnamed = ground.errors - ground.unreadable.length
  if (unnamed > 0) warn(`${unnamed} more directories or rule files cannot be read`)
}

function searchedFile(root: Location, location: Location): SearchedFile {
  const path = location.path.slice(root.path === '/' ? 1 : root.path.length + 1)
  if (location.raw === undefined) return { path, location }
  const bytes = location.raw.subarray(root.path === '/' ? 1 : Buffer.byteLength(root.path) + 1)
  return { path, pathBytes: bytes.toString('base64'), location }
}
