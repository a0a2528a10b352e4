// The kernel's side of one watcher: its inotify descriptor, and which directory each watch descriptor stands
// for. One directory on the disk has one watch however it is named, so a directory that was moved before its
// move was heard of passes from the node it had to the one it has now.

import { addWatch, closeDescriptor, openInotify, removeWatch } from '../../native/inotify.ts'
import { locate } from './names.ts'
import type { Directory } from './tree.ts'

export class WatchTable {
  #fd = openInotify()
  readonly #byWd = new Map<number, Directory>()

  /** To be read and polled; -1 when closed. */
  get fd(): number {
    return this.#fd
  }

  get size(): number {
    return this.#byWd.size
  }

  get(wd: number): Directory | undefined {
    return this.#byWd.get(wd)
  }

  /** Watches the directory; the errno's name where that fails. */
  arm(directory: Directory): string | undefined {
    const { path, raw } = locate(directory.path)
    const wd = addWatch(this.#fd, raw ?? path, directory.parent === undefined)
    if (typeof wd === 'string') return wd
    const before = this.#byWd.get(wd)
    if (before !== undefined) before.wd = -1
    this.#byWd.set(wd, directory)
    directory.wd = wd
    return undefined
  }

  /** Gives up the watches of a directory and of all below it. */
  forget(top: Directory): void {
    for (const directory of top.all()) {
      if (directory.wd < 0) continue
      removeWatch(this.#fd, directory.wd)
      this.#byWd.delete(directory.wd)
      directory.wd = -1
    }
  }

  /** The kernel has removed the watch by itself. */
  lost(wd: number): void {
    const directory = this.#byWd.get(wd)
    if (directory === undefined) return
    directory.wd = -1
    this.#byWd.delete(wd)
  }

  /** Starts again with an empty queue and no watches. The old ones go first, for they count against the limit. */
  renew(): void {
    this.close()
    this.#fd = openInotify()
  }

  close(): void {
    if (this.#fd >= 0) closeDescriptor(this.#fd)
    this.#fd = -1
    for (const directory of this.#byWd.values()) directory.wd = -1
    this.#byWd.clear()
  }
}
