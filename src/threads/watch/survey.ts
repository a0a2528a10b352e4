// Reads the watched tree from the disk. A directory is watched first and read afterwards, so an entry that appears in
// between is seen twice, not missed (W-03). The generators yield after every directory and every few entries, so that
// the owner can pause them while there is no room for their changes.

import { lstatSync } from 'node:fs'
import { errnoOf, Fault, faultOfSystem } from '../../base/fault.ts'
import { readDirectory, type Item, type DirectoryReading } from '../walk/directory.ts'
import type { Change } from './windows.ts'
import { watchLimit, type WatchTable } from './watch-table.ts'
import { locate, nameOfItem, type Directory, textOfName } from './tree.ts'
import { isIgnored, rulesOfGlobs, within, type RuledDirectory } from '../walk/ignore-rules.ts'

/** Entries between two yields. */
const STINT = 64
/** Most paths of unreadable directories that are reported. */
const NAMED_ERRORS = 10
/** Errors for a lack of descriptors or memory. */
const LACKING: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM'])
/** Errors of a directory that is not there any more. */
const GONE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

export interface SurveyOptions {
  readonly table: WatchTable
  readonly excluded: Exclusion
  /** True for a directory that is never entered from above (protocol.md#files). */
  readonly forbidden: (path: string) => boolean
  /** Called when a limit of the system prevents watching or reading a directory for now; may throw. */
  readonly limited: (reason: Error) => void
}

export class Survey {
  readonly #options: SurveyOptions
  /** Directories that could not be watched or read. */
  readonly #closed = new Set<Directory>()

  constructor(options: SurveyOptions) {
    this.#options = options
  }

  get errors(): number {
    return this.#closed.size
  }

  /** Paths of the first NAMED_ERRORS unreadable directories. */
  get unreadable(): string[] {
    const paths: string[] = []
    for (const directory of this.#closed) {
      if (paths.length === NAMED_ERRORS) break
      paths.push(locate(directory.path).path)
    }
    return paths
  }

  /** True if the directory could not be watched or read, so that a change of it is a reason to try again. */
  isClosed(directory: Directory): boolean {
    return this.#closed.has(directory)
  }

  /** Forgets failures of directories that have gone: they no longer count as unreadable. */
  forget(top: Directory): void {
    if (this.#closed.size === 0) return
    for (const directory of top.all()) this.#closed.delete(directory)
  }

  excluded(directory: Directory, name: string, isDirectory: boolean): boolean {
    return this.#options.excluded(directory, name, isDirectory)
  }

  /** Watches `top` and everything below; calls `tell`, if given, for each entry. */
  *fill(top: Directory, tell?: (change: Change) => void): Generator<void> {
    const waiting = [top]
    let count = 0
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield
      const reading = this.#open(next)
      if (reading === undefined) continue
      next.inode = reading.inode
      for (const item of this.#admitted(next, reading)) {
        const name = nameOfItem(item)
        if (next.has(name)) continue // a directory that changes while it is read may name an entry twice
        const below = next.add(name, item.kind === 'directory')
        if (below !== undefined) waiting.push(below)
        tell?.({ path: next.pathOf(name), op: 'create', directory: below !== undefined })
        if (++count % STINT === 0) yield
      }
      next.pack()
    }
  }

  /**
   * Watches everything again and tells how the disk differs from the known tree: names, and the content of files whose
   * inode changed at `since` (milliseconds of the wall clock) or later.
   */
  *compare(root: Directory, since: number, tell: (change: Change) => void): Generator<void> {
    this.#closed.clear()
    const waiting = [root]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield
      const reading = this.#open(next)
      if (reading === undefined) continue // if it went since its parent was read, the parent's watch tells of it
      if (next !== root && next.inode !== 0 && reading.inode !== next.inode) {
        tell({ path: next.path, op: 'remove', directory: true })
        tell({ path: next.path, op: 'create', directory: true })
        next.clear()
      }
      next.inode = reading.inode
      yield* this.#compareOne(next, reading, { since, tell, waiting })
      next.pack()
    }
  }

  *#compareOne(
    directory: Directory,
    reading: DirectoryReading,
    { since, tell, waiting }: { since: number; tell: (change: Change) => void; waiting: Directory[] },
  ): Generator<void> {
    const gone = new Set(directory.names())
    let count = 0
    for (const item of this.#admitted(directory, reading)) {
      if (++count % STINT === 0) yield
      const name = nameOfItem(item)
      const path = directory.pathOf(name)
      const isDirectory = item.kind === 'directory' && !directory.flat
      const known = directory.directory(name)
      gone.delete(name)
      if (directory.has(name) && isDirectory === (known !== undefined)) {
        if (known !== undefined) waiting.push(known)
        else if (changedSince(path, since)) tell({ path, op: 'write', directory: false })
        continue
      }
      if (directory.has(name)) tell({ path, op: 'remove', directory: known !== undefined })
      const below = directory.add(name, isDirectory)
      tell({ path, op: 'create', directory: isDirectory })
      if (below !== undefined) yield* this.fill(below, tell)
    }
    for (const name of gone) {
      if (++count % STINT === 0) yield
      tell({ path: directory.pathOf(name), op: 'remove', directory: directory.directory(name) !== undefined })
      directory.delete(name)
    }
  }

  /** Watches the directory and begins to read it; returns undefined if that fails. */
  #open(directory: Directory): DirectoryReading | undefined {
    const { path } = directory
    if (directory.parent !== undefined && this.#options.forbidden(path)) return undefined
    const errno = this.#options.table.arm(directory)
    if (errno !== undefined) {
      const limit = watchLimit(errno, locate(path).path)
      if (limit !== undefined) this.#options.limited(limit)
      else this.#complain(directory, errno)
      return undefined
    }
    try {
      const reading = readDirectory(locate(path), directory.parent === undefined)
      this.#closed.delete(directory)
      return reading
    } catch (error) {
      this.#unread(directory, error)
      return undefined
    }
  }

  *#admitted(directory: Directory, { items }: DirectoryReading): Generator<Item> {
    try {
      for (const item of items) {
        if (!this.excluded(directory, nameOfItem(item), item.kind === 'directory')) yield item
      }
    } catch (error) {
      this.#unread(directory, error) // a large directory went while it was read
    }
  }

  /** Handles a failed read. A lack of descriptors or memory passes, and the directory is then tried again. */
  #unread(directory: Directory, error: unknown): void {
    const errno = errnoOf(error)
    const fault = LACKING.has(errno) ? faultOfSystem(error, locate(directory.path).path) : undefined
    if (fault instanceof Fault) this.#options.limited(fault)
    else this.#complain(directory, errno)
  }

  #complain(directory: Directory, errno: string | undefined): void {
    if (!GONE.has(errno)) this.#closed.add(directory)
  }
}

function changedSince(path: string, since: number): boolean {
  const { path: text, raw } = locate(path)
  try {
    return lstatSync(raw ?? text).ctimeMs >= since
  } catch {
    return false // the file went since it was listed: its directory's watch tells of it
  }
}

/** Entries that tools make and remove by the thousand. Temporary files of our own atomic writes end in "~". */
export const DEFAULT_EXCLUDES = [
  'node_modules',
  '.git',
  '.svn',
  '.hg',
  '__pycache__',
  '.pytest_cache',
  '.mypy_cache',
  '.next',
  '.nuxt',
  'dist',
  'build',
  '.DS_Store',
  '*.swp',
  '*.swo',
  '*~',
] as const

/** True if the entry `name` of a directory of the tree is left out. */
type Exclusion = (place: RuledDirectory, name: string, directory: boolean) => boolean

/**
 * Returns the test for entries that a watcher leaves out: the default excludes if `defaults` is true, and the request's
 * `globs` in .gitignore syntax, free of braces (pattern-list.ts) and relative to the watched root.
 */
export function exclusionOf(globs: readonly string[], defaults: boolean): Exclusion {
  // The last line that matches decides, so that a glob with "!" can undo a default.
  const rules = rulesOfGlobs([...(defaults ? DEFAULT_EXCLUDES : []), ...globs])
  const scope = within(rules, 0, undefined)
  return (place, name, directory) => isIgnored(scope, place, textOfName(name), directory)
}
