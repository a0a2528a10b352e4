// The threads of walks that may meet a file system which does not answer (NFS, FUSE, 9p …): a few threads and walks for
// each such mount, so that walks on this machine's disks go on. A walker sends a message every 15 ms of work; one that
// sends none for 10 s hangs in the kernel. Its walks then end with `timeout`; the thread cannot be ended, and counts
// until the mount answers.

import { Fault, quote } from '../../base/fault.ts'
import { remoteMountOf } from '../files/mounts/remote-calls.ts'
import { WalkerThread } from './walker-thread.ts'

/** Most threads for one mount. */
const THREADS = 2
/** Most threads for all mounts together. */
const MOST_THREADS = 8
/** Most walks at once for one mount. */
const MOST_WALKS = 16
/** Milliseconds between two looks for threads that hang. */
const LOOK_MS = 1000
const RETRY_AFTER_S = 10

export class FarWalkers {
  readonly #idle: number
  /** Threads by mount point; walks that begin above mounts share the entry "". */
  readonly #members = new Map<string, Set<WalkerThread>>()
  #looking: NodeJS.Timeout | undefined
  #closed = false

  constructor(idle: number) {
    this.#idle = idle
  }

  get running(): number {
    return this.#all.reduce((sum, { busy }) => sum + busy, 0)
  }

  get #all(): WalkerThread[] {
    return [...this.#members.values()].flatMap((same) => [...same])
  }

  /** Returns the least busy thread of the path's mount that answers; a new one while there are fewer than allowed. */
  choose(path: string): WalkerThread {
    if (this.#closed) throw new Fault('unavailable', 'the daemon is shutting down')
    const mount = remoteMountOf(path) ?? ''
    const same = this.#members.get(mount) ?? new Set()
    const members = [...same]
    const walks = members.reduce((sum, { busy }) => sum + busy, 0)
    if (walks >= MOST_WALKS) {
      const sentence = `${walks} listings and searches are running ${place(mount)}; accepted are ${MOST_WALKS} at once`
      throw new Fault('rate_limited', sentence, { details: { limit: MOST_WALKS }, retryAfter: 1 })
    }
    const free = members.filter(({ stuck }) => !stuck).toSorted((a, b) => a.busy - b.busy)[0]
    const full = members.length >= THREADS || this.#all.length >= MOST_THREADS
    if (free !== undefined && (free.busy === 0 || full)) return free
    if (full) {
      const sentence = `earlier walks ${place(mount)} hang in a file system that does not answer`
      throw new Fault('unavailable', sentence, { details: { mount }, retryAfter: RETRY_AFTER_S })
    }
    const member = new WalkerThread(this.#idle, () => this.#forget(mount, member))
    this.#members.set(mount, same.add(member))
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref()
    return member
  }

  /** Refuses more walks and returns the threads, which the caller ends. */
  close(): readonly WalkerThread[] {
    this.#closed = true
    clearInterval(this.#looking)
    const all = this.#all
    this.#members.clear()
    return all
  }

  #look(): void {
    for (const [mount, same] of this.#members) {
      for (const member of same) {
        if (!member.stuck || member.busy === 0) continue
        const sentence = `the walk hangs ${place(mount)}: a file system there does not answer`
        member.giveUp(new Fault('timeout', sentence, { details: { mount } }))
      }
    }
  }

  #forget(mount: string, member: WalkerThread): void {
    const same = this.#members.get(mount)
    same?.delete(member)
    if (same?.size === 0) this.#members.delete(mount)
    if (this.#members.size > 0) return
    clearInterval(this.#looking)
    this.#looking = undefined
  }
}

function place(mount: string): string {
  return mount === '' ? 'above mounted file systems' : `on the file system mounted at ${quote(mount)}`
}
