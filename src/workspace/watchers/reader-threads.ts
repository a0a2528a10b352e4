// The threads that watch trees. One reads the kernel's events of all trees on this machine's disks. A tree that lies on
// a mount which may not answer (NFS, FUSE, 9p …), or holds one, gets a separate thread (`apart`): one call that hangs
// there blocks every watcher of its thread. A thread that does not answer for 10 s is reported and gets no other tree.

import { Fault } from '../../base/fault.ts'
import { THREAD_REST_MS } from '../../native/koffi.ts'
import { leadsToRemote, remoteMountOf } from '../files/mounts/remote-calls.ts'
import { ReaderThread, type Mode, type ReaderEvents } from './reader-thread.ts'

/** Most threads that are apart or silent: each holds some megabytes, and a silent one cannot be ended. */
const MOST_APART = 8
const LOOK_MS = 1000
/** Begins the company of a tree that holds mounts. */
const ABOVE = 'above'
const RETRY_AFTER_S = 10
/** Time for threads to end: milliseconds suffice unless one is stuck in a file system that does not answer. */
const ENDING_MS = 1000

export interface ThreadEvents extends ReaderEvents {
  /** Called when the thread has not answered for 10 s. */
  readonly silent: (thread: ReaderThread) => void
}

/**
 * Returns the company of the tree at `root` (a real path): trees of one company share a thread. Undefined: the company
 * of all trees on this machine's disks.
 */
export function apartOf(root: string, flat: boolean, id: string): string | undefined {
  const mount = remoteMountOf(root)
  if (mount !== undefined) return `on ${mount}`
  return !flat && leadsToRemote(root) ? `${ABOVE} ${id}` : undefined
}

export class ReaderThreads {
  readonly #events: ThreadEvents
  /** Threads that accept trees, by mode and company. */
  readonly #open = new Map<string, ReaderThread>()
  /** Every thread that has not ended. */
  readonly #all = new Set<ReaderThread>()
  readonly #ends = new Map<ReaderThread, Promise<void>>()
  #looking: NodeJS.Timeout | undefined
  #resting: NodeJS.Timeout | undefined

  constructor(events: ThreadEvents) {
    this.#events = events
  }

  /** Returns the thread for a tree of a company (`apartOf`). Throws `unavailable` at the limit. */
  take(mode: Mode, company: string | undefined): ReaderThread {
    const key = `${mode} ${company ?? ''}`
    if (company === undefined && mode === 'inotify') clearTimeout(this.#resting)
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const thread = this.#another(mode, company)
    this.#open.set(key, thread)
    return thread
  }

  /** Starts to check the threads that are opening trees or may be stuck in a mount. */
  look(): void {
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref()
  }

  /** Ends a thread whose last watcher has gone. The shared inotify thread makes native calls and ends after a while. */
  rest(thread: ReaderThread): void {
    if (thread.apart || thread.mode === 'polling' || thread.silent) {
      this.end(thread)
      return
    }
    clearTimeout(this.#resting)
    this.#resting = setTimeout(() => this.end(thread), THREAD_REST_MS).unref()
  }

  end(thread: ReaderThread): void {
    this.#forget(thread)
    if (this.#ends.has(thread)) return
    const ended = thread[Symbol.asyncDispose]().finally(() => {
      this.#ends.delete(thread)
      this.#all.delete(thread)
    })
    this.#ends.set(thread, ended)
  }

  /** Ends all threads; resolves after 1 s at the latest, without those that are stuck in the kernel. */
  async close(): Promise<void> {
    clearTimeout(this.#resting)
    clearInterval(this.#looking)
    for (const thread of this.#all) this.end(thread)
    const left = Promise.withResolvers<void>()
    const timer = setTimeout(left.resolve, ENDING_MS)
    await Promise.race([Promise.all(this.#ends.values()), left.promise])
    clearTimeout(timer)
  }

  /** Returns a new thread; at the limit, one of another tree that holds mounts and that answers so far. */
  #another(mode: Mode, company: string | undefined): ReaderThread {
    const apart = [...this.#all].filter((thread) => thread.apart || thread.silent)
    if (company === undefined || apart.length < MOST_APART) {
      const thread = new ReaderThread(mode, company !== undefined, this.#events)
      this.#all.add(thread)
      return thread
    }
    const shared = [...this.#open].find(([key]) => key.startsWith(`${mode} ${ABOVE}`))
    if (company.startsWith(ABOVE) && shared !== undefined) return shared[1]
    const sentence = `${apart.length} threads watch mounted file systems, which is the limit; some of these may not answer`
    throw new Fault('unavailable', sentence, { details: { limit: MOST_APART }, retryAfter: RETRY_AFTER_S })
  }

  #look(): void {
    const watched = [...this.#all].filter((thread) => thread.apart || thread.silent || thread.opening > 0)
    if (watched.length === 0) {
      clearInterval(this.#looking)
      this.#looking = undefined
    }
    for (const thread of watched) {
      if (!thread.look()) continue
      this.#forget(thread)
      this.#events.silent(thread)
    }
  }

  /** Gives the thread no further tree: the next one of its company gets another thread. */
  #forget(thread: ReaderThread): void {
    for (const [key, one] of this.#open) if (one === thread) this.#open.delete(key)
  }
}
