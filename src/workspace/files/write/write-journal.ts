// Remembers the temporary files in flight, so that a daemon killed in the middle leaves none behind
// (protocol.md#files-write, F-06). One file per daemon in the state directory: a line `+"path"` before a temporary file
// is made (`*"path"`: or a directory), a line `-"path"` after it is gone. Lines go to the kernel in batches and are
// never synced, since they must survive our death, not the machine's. The next start reads the journals of daemons that
// no longer live, removes what is left of the files named there, and then the journals; directories go in the
// background, since a large tree would hold up the start.

import { constants } from 'node:fs'
import { readdir, readFile, type FileHandle } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { open, rename, rm, rmdir, unlink } from '../../../base/path-calls.ts'
import { isTemporaryName } from '../../../base/temporary-name.ts'
import { makeWithParents } from '../../../base/make-directories.ts'
import { isAlive, processName } from '../../processes/process-table.ts'
import { openStack } from '../tree/tree-walk.ts'
import { holdEntry, lookAt, type HeldEntry } from '../opening/held-directory.ts'
import { emptyDirectory } from '../tree/tree-removal.ts'

export interface WriteJournal extends AsyncDisposable {
  /** The reason why nothing is remembered, if the state directory cannot be written; else undefined. */
  readonly problem: string | undefined
  /** Resolves once the kernel has the line; only then is the temporary file made. `tree`: it may be a directory. */
  begin(path: string, what?: 'file' | 'tree'): Promise<void>
  /** Tells that the temporary file is gone. */
  end(path: string): void
}

/** Bytes beyond which the journal is written anew; 64 KiB are about 400 writes. */
const COMPACT_BYTES = 64 * 1024

const JOURNAL = /^writes-([0-9a-f-]+)\.journal$/

/** Mark of a line: `+` announces a file, `*` anything. */
type Mark = '+' | '*'

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants

/** Removes what earlier daemons left, then opens the journal of this one. Never rejects: see `problem`. */
export async function openWriteJournal(stateDirectory: string): Promise<WriteJournal> {
  try {
    makeWithParents(stateDirectory, 0o700)
    const own = `writes-${await processName()}.journal`
    const trees = await sweep(stateDirectory)
    const path = join(stateDirectory, own)
    return new Journal(path, await open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600), trees)
  } catch (error) {
    return without(error instanceof Error ? error.message : String(error))
  }
}

class Journal implements WriteJournal {
  readonly problem = undefined
  readonly #path: string
  #handle: FileHandle
  /** Paths in flight, each with the mark at the beginning of its line. */
  readonly #inFlight = new Map<string, Mark>()
  #lines = ''
  #bytes = 0
  /** Settles with the batch of lines that is written next. */
  #batch: PromiseWithResolvers<void> | undefined
  #busy = false
  readonly #closing = new AbortController()
  readonly #sweeping: Promise<void>

  constructor(path: string, handle: FileHandle, trees: readonly LeftTrees[]) {
    this.#path = path
    this.#handle = handle
    this.#sweeping = removeTrees(trees, this.#closing.signal)
  }

  async begin(path: string, what: 'file' | 'tree' = 'file'): Promise<void> {
    const mark = what === 'tree' ? '*' : '+'
    this.#inFlight.set(path, mark)
    this.#lines += `${mark}${JSON.stringify(path)}\n`
    await this.#flush()
  }

  end(path: string): void {
    this.#inFlight.delete(path)
    this.#lines += `-${JSON.stringify(path)}\n`
    void this.#flush() // it never rejects; disposal waits for it
  }

  /** Resolves once all lines of now are written; lines that come meanwhile share the next batch. */
  #flush(): Promise<void> {
    this.#batch ??= Promise.withResolvers<void>()
    const { promise } = this.#batch
    if (!this.#busy) void this.#run() // it never rejects
    return promise
  }

  async #run(): Promise<void> {
    this.#busy = true
    await Promise.resolve() // lines of the same turn go together
    for (let batch = this.#batch; batch !== undefined; batch = this.#batch) {
      const lines = this.#lines
      this.#lines = ''
      this.#batch = undefined
      try {
        // A full disk under the state directory must not forbid writes elsewhere: the lines are given up.
        this.#bytes += (await this.#handle.write(lines)).bytesWritten
        if (this.#bytes > COMPACT_BYTES) await this.#compact()
      } catch {
        this.#bytes += lines.length
      }
      batch.resolve()
    }
    this.#busy = false
  }

  /** Writes the files in flight to a new journal, which replaces this one. */
  async #compact(): Promise<void> {
    const lines = [...this.#inFlight].map(([path, mark]) => `${mark}${JSON.stringify(path)}\n`).join('')
    const fresh = `${this.#path}.new`
    const handle = await open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0o600)
    try {
      if (lines !== '') await handle.write(lines)
      await rename(fresh, this.#path)
    } catch (error) {
      await handle.close()
      throw error
    }
    await this.#handle.close()
    this.#handle = handle
    this.#bytes = 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#sweeping
    await this.#flush()
    await this.#handle.close()
    if (this.#inFlight.size === 0) await rm(this.#path, { force: true })
  }
}

function without(problem: string): WriteJournal {
  return { problem, begin: async () => {}, end: () => {}, [Symbol.asyncDispose]: async () => {} }
}

/** Directories that the journal of a dead daemon names. */
interface LeftTrees {
  readonly journal: string
  readonly paths: readonly string[]
}

/** Removes the files at once; resolves with the directories that are still to be removed. */
async function sweep(stateDirectory: string): Promise<LeftTrees[]> {
  const trees: LeftTrees[] = []
  for (const name of await readdir(stateDirectory)) {
    const owner = JOURNAL.exec(name)?.[1]
    if (owner === undefined || (await isAlive(owner))) continue
    const journal = join(stateDirectory, name)
    const paths: string[] = []
    for (const [path, mark] of leftOver(await readFile(journal, 'utf8'))) {
      if (await isLeftTree(path, mark)) paths.push(path)
    }
    if (paths.length > 0) trees.push({ journal, paths })
    else await removeJournal(journal)
  }
  return trees
}

async function removeJournal(path: string): Promise<void> {
  await rm(path, { force: true })
  await rm(`${path}.new`, { force: true })
}

/** Never rejects. A journal stays for the next start if not all of its directories were looked at. */
async function removeTrees(trees: readonly LeftTrees[], signal: AbortSignal): Promise<void> {
  for (const { journal, paths } of trees) {
    try {
      for (const path of paths) await removeTree(path, signal)
      await removeJournal(journal)
    } catch {
      if (signal.aborted) return
    }
  }
}

async function removeTree(path: string, signal: AbortSignal): Promise<void> {
  try {
    using entry = await whereItWas(path)
    if (entry === undefined) return
    await using stack = await openStack(entry.way)
    await emptyDirectory(stack, signal)
    await rmdir(entry.way)
  } catch (error) {
    if (signal.aborted) throw error
    // Any other failure: the directory stays, as a file would.
  }
}

/** Returns the paths whose `-` is missing. A torn last line was written before its file was made: it is skipped. */
export function leftOver(journal: string): Map<string, Mark> {
  const paths = new Map<string, Mark>()
  for (const line of journal.split('\n').slice(0, -1)) {
    const path = parsePath(line.slice(1))
    if (path === undefined) continue
    if (line.startsWith('+') || line.startsWith('*')) paths.set(path, line.startsWith('*') ? '*' : '+')
    else paths.delete(path)
  }
  return paths
}

function parsePath(text: string): string | undefined {
  try {
    const path: unknown = JSON.parse(text)
    return typeof path === 'string' ? path : undefined
  } catch {
    return undefined
  }
}

/**
 * Resolves with the entry, or undefined if a link is on its way now: journalled paths have none, so it leads to what is
 * not ours to remove.
 */
async function whereItWas(path: string): Promise<(HeldEntry & Disposable) | undefined> {
  const entry = await holdEntry(path)
  if (entry.real === path) return entry
  entry[Symbol.dispose]()
  return undefined
}

/**
 * Removes a regular file with a name of ours, or a link if a tree was announced, and nothing else that the journal may
 * name. Resolves with true for such a directory, which is left for later.
 */
async function isLeftTree(path: string, mark: Mark): Promise<boolean> {
  if (!isTemporaryName(basename(path))) return false
  try {
    using entry = await whereItWas(path)
    const stats = entry && (await lookAt(entry))
    if (entry === undefined || stats === undefined) return false
    if (stats.isFile() || (mark === '*' && stats.isSymbolicLink())) await unlink(entry.way)
    return mark === '*' && stats.isDirectory()
  } catch {
    return false // gone already, or on a file system that is not mounted now: nothing can be done at the start
  }
}
