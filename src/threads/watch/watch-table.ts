// The kernel's side of one watcher: its inotify descriptor, and the directories of each watch descriptor. A directory
// on the disk has one watch even if it has several paths, as with a bind mount, or after a move whose event is not read
// yet. Its events are told under each path.

import { addWatch, closeDescriptor, openInotify, removeWatch } from '../../native/inotify.ts'
import { locate, Directory } from './tree.ts'
import { readFileSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'

export class WatchTable {
  #fd = openInotify()
  /** Directories by watch descriptor; a list only if there are several paths, which is rare. */
  readonly #byWd = new Map<number, Directory | readonly Directory[]>()

  /** Number of times the queue was renewed; earlier watch descriptors are void. */
  renewals = 0

  /** Descriptor to read and poll; -1 when closed. */
  get fd(): number {
    return this.#fd
  }

  get size(): number {
    return this.#byWd.size
  }

  /** Returns the directories of a watch descriptor; empty if the watch was given up. */
  get(wd: number): readonly Directory[] {
    const found = this.#byWd.get(wd)
    return found === undefined ? [] : found instanceof Directory ? [found] : found
  }

  /** Watches the directory; returns the errno's name if that fails. */
  arm(directory: Directory): string | undefined {
    const { path, raw } = locate(directory.path)
    const wd = addWatch(this.#fd, raw ?? path, directory.parent === undefined)
    if (typeof wd === 'string') return wd
    if (directory.wd !== wd) this.#leave(directory)
    const others = this.get(wd).filter((other) => other !== directory)
    this.#byWd.set(wd, others.length === 0 ? directory : [...others, directory])
    directory.wd = wd
    return undefined
  }

  /** Gives up the watches of a directory and of all below it. */
  forget(top: Directory): void {
    for (const directory of top.all()) this.#leave(directory)
  }

  /** Forgets a watch that the kernel has removed. */
  lost(wd: number): void {
    for (const directory of this.get(wd)) directory.wd = -1
    this.#byWd.delete(wd)
  }

  /** Removes a directory's watch, unless the directory has another path. */
  #leave(directory: Directory): void {
    const { wd } = directory
    if (wd < 0) return
    directory.wd = -1
    const others = this.get(wd).filter((other) => other !== directory)
    const [other] = others
    if (other !== undefined) {
      this.#byWd.set(wd, others.length === 1 ? other : others)
      return
    }
    removeWatch(this.#fd, wd)
    this.#byWd.delete(wd)
  }

  /** Starts again with an empty queue and no watches. Closes the old ones first: they count against the limit. */
  renew(): void {
    this.close()
    this.renewals++
    this.#fd = openInotify()
  }

  close(): void {
    if (this.#fd >= 0) closeDescriptor(this.#fd)
    this.#fd = -1
    for (const wd of this.#byWd.keys()) for (const directory of this.get(wd)) directory.wd = -1
    this.#byWd.clear()
  }
}

/** Error for a limit of the system on watching: names the sysctl (inotify(7)) and the remedy (W-05). */
class LimitReached extends Fault {
  constructor(sysctl: string, what: string) {
    const current = valueOf(sysctl)
    const now = current === undefined ? '' : ` (now ${current})`
    super('unavailable', `${what}: the system's limit fs.inotify.${sysctl}${now} is used up; raise it with sysctl`, {
      details: {
        reason: 'watch_limit',
        sysctl: `fs.inotify.${sysctl}`,
        ...(current ? { limit: Number(current) } : {}),
      },
      retryAfter: 5,
    })
  }
}

/** Returns the limit that `errno` of adding a watch means, or undefined. */
export function watchLimit(errno: string, path: string): LimitReached | undefined {
  return errno === 'ENOSPC' || errno === 'ENOMEM'
    ? new LimitReached('max_user_watches', `${path} cannot be watched`)
    : undefined
}

/** Returns the limit that `errno` of opening an inotify descriptor means, or undefined. */
export function instanceLimit(errno: string | undefined): LimitReached | undefined {
  return errno === 'EMFILE' || errno === 'ENFILE'
    ? new LimitReached('max_user_instances', 'no further tree can be watched')
    : undefined
}

function valueOf(sysctl: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/fs/inotify/${sysctl}`, 'utf8').trim()
  } catch {
    return undefined
  }
}
