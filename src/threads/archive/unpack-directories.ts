// Directories made by one upload whose time, and permissions if they shut their owner out, can only be set once
// everything is in them. They are set when the archive has ended, or earlier if there are too many to keep and nothing
// of the member at hand lies below them: archives that go depth first never notice. Directories that existed before
// keep what they have.

import { chmodSync, fstatSync } from 'node:fs'
import { pathOfOpened } from '../../base/opened-path.ts'
import { setPathTime } from '../../native/files.ts'
import type { PinnedTree } from './pinned-tree.ts'
import type { Moment } from './unpack-header.ts'

/** Directories kept until the end: some 4 MiB. */
const MOST_PENDING = 20_000

interface Pending {
  readonly id: string
  mode: number | undefined
  mtime: Moment | undefined
}

export class MadeDirectories {
  readonly #pending = new Map<string, Pending>()
  readonly #most: number

  constructor(most: number = MOST_PENDING) {
    this.#most = most
  }

  /**
   * Keeps a directory that was made. It is open as `fd`, by which it is known again: another may have taken its place
   * when its turn comes.
   */
  made(parts: readonly string[], fd: number): void {
    this.#pending.set(parts.join('/'), { id: identityOf(fd), mode: undefined, mtime: undefined })
  }

  /** Keeps what a member says of the directory at `parts`; one that existed before is not changed. */
  describe(parts: readonly string[], mode: number, mtime: Moment): void {
    const pending = this.#pending.get(parts.join('/'))
    if (pending === undefined) return
    pending.mode = mode
    pending.mtime = mtime
  }

  /** Makes room between two members if it is needed. `parts`: the directory of the next. */
  relieve(tree: PinnedTree, parts: readonly string[]): void {
    if (this.#pending.size <= this.#most) return
    const way = `${parts.join('/')}/`
    for (const key of [...this.#pending.keys()].toReversed()) if (!way.startsWith(`${key}/`)) this.#settle(tree, key)
  }

  /** Sets what is left: the archive has ended. */
  settle(tree: PinnedTree): void {
    for (const key of [...this.#pending.keys()].toReversed()) this.#settle(tree, key)
  }

  /** Sets one directory. Those below come first: a directory that its owner may not enter is shut last. */
  #settle(tree: PinnedTree, key: string): void {
    const { id, mode, mtime } = this.#pending.get(key) ?? {}
    this.#pending.delete(key)
    if (mode === undefined && mtime === undefined) return
    const fd = tree.find(key.split('/'))
    if (fd === undefined || identityOf(fd) !== id) return // another process has taken it away meanwhile
    const path = pathOfOpened(fd)
    if (mtime !== undefined) setPathTime(Buffer.from(path), { ...mtime, follow: true })
    if (mode === undefined) return
    const now = fstatSync(fd).mode & 0o7777
    const wanted = mode | (now & 0o2000)
    if (now !== wanted) chmodSync(path, wanted)
  }
}

function identityOf(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return `${dev}:${ino}`
}
