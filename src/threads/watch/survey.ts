// The watched tree as the disk has it. A directory is watched first and read after, so what appears in between
// is seen twice rather than never (W-03). The work is done in steps: a generator that rests after
// every directory and every few entries, so that the owner can stop it while its changes find no room.

import { lstatSync } from 'node:fs'
import { errnoOf, Fault, faultOfSystem } from '../../base/fault.ts'
import { readDirectory, type Item, type DirectoryReading } from '../walk/directory.ts'
import type { Change } from './windows.ts'
import { watchLimit, type WatchTable } from './watch-table.ts'
import { locate, nameOfItem, type Directory, textOfName } from './tree.ts'
import { isIgnored, rulesOfGlobs, within, type RuledDirectory } from '../walk/ignore-rules.ts'

/** Entries between two rests. */
const STINT = 64
/** Paths of unreadable directories that are named. */
const NAMED_ERRORS = 10
/** Nothing free of what reading takes. */
const LACKING: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM'])
/** What a directory answers that is not there any more. */
const GONE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

export interface SurveyOptions {
  readonly table: WatchTable
  readonly excluded: Exclusion
  /** Directories never entered from above (protocol.md#files). */
  readonly forbidden: (path: string) => boolean
  /** Called when the system keeps a directory from being watched or read for now; may throw. */
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

  /** The first of their paths. */
  get unreadable(): string[] {
    const paths: string[] = []
    for (const directory of this.#closed) {
      if (paths.length === NAMED_ERRORS) break
      paths.push(locate(directory.path).path)
    }
    return paths
  }

  /** Whether the directory, now known to have changed, is one to be tried again. */
  isClosed(directory: Directory): boolean {
    return this.#closed.has(directory)
  }

  /** A directory that has gone is not one that cannot be read. */
  forget(top: Directory): void {
    if (this.#closed.size === 0) return
    for (const directory of top.all()) this.#closed.delete(directory)
  }

  excluded(directory: Directory, name: string, isDirectory: boolean): boolean {
    return this.#options.excluded(directory, name, isDirectory)
  }

  /** Watches `top` and everything below, and tells of each entry if `tell` is given. */
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
   * Watches everything anew and tells how the disk differs from what is known: names, and the content of
   * files whose inode changed at `since` (milliseconds of the clock) or later.
   */
  *compare(root: Directory, since: number, tell: (change: Change) => void): Generator<void> {
    this.#closed.clear()
    const waiting = [root]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield
      const reading = this.#open(next)
      if (reading === undefined) continue // has gone since its parent was read: the parent's watch tells of it
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

  /** Watches the directory and begins to read it; undefined where that cannot be done. */
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
      this.#unread(directory, error) // a large directory that went while it was read
    }
  }

  /** What the system lacks it will have again: that is no property of the directory, which is to be read then. */
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
    return false // has gone since it was listed: its directory's watch tells of it
  }
}

// What a watcher leaves out, decided before anything is watched: the default excludes unless they are
// switched off, and the request's own globs in .gitignore syntax.

/** What tools make and remove by the thousand. Temporary files of our own atomic writes end in "~". */
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

/** Whether the entry `name` of a directory of the tree is left out. */
type Exclusion = (place: RuledDirectory, name: string, directory: boolean) => boolean

/** `globs` are free of braces (pattern-list.ts); their paths are relative to the watched root. */
export function exclusionOf(globs: readonly string[], defaults: boolean): Exclusion {
  // The later line decides, so that a glob with "!" can take a default back.
  const rules = rulesOfGlobs([...(defaults ? DEFAULT_EXCLUDES : []), ...globs])
  const scope = within(rules, 0, undefined)
  return (place, name, directory) => isIgnored(scope, place, textOfName(name), directory)
}
