// The feed of all watchers: gives each tree to a thread, and passes the threads' changes to the watchers' logs and to
// the listeners. It acknowledges a thread's batch once every listener has room for more. It tells the listeners when a
// thread is stuck in a file system that does not answer, and when a watcher moves to a separate thread.

import { Fault, faultOf, quote } from '../../base/fault.ts'
import type { Coverage, WatchJob } from '../../threads/watch/watch-job.ts'
import type { Mode, ReaderThread, ReaderWord } from './reader-thread.ts'
import { apartOf, ReaderThreads } from './reader-threads.ts'
import { Audience, type Subscription } from './subscription.ts'
import type { LiveWatcher } from './watcher.ts'

/** Seconds after which a client may try again to watch a tree that failed. */
const RETRY_AFTER_S = 5
/** Seconds after which a thread counts as silent (reader-thread.ts); the sentence says so. */
const SILENT_S = 10

const MOUNTED = 'something that may not answer was mounted inside the tree; what follows is in it, then ready'
const NOT_ENTERED = 'something was mounted inside the tree and is not watched: '
const SILENT = 'a file system in the tree does not answer; changes are told again when it does'

/** A thread's batch that is not acknowledged yet. */
interface Owed {
  readonly thread: ReaderThread
  readonly id: string
  readonly count: number
  readonly bytes: number
}

/** A tree that its thread is reading for the first time. */
interface Opening extends PromiseWithResolvers<void> {
  readonly thread: ReaderThread
  readonly job: WatchJob
}

export class WatcherFeed {
  /** Watchers whose trees a thread has, including those being opened. */
  readonly #watchers = new Map<string, LiveWatcher>()
  readonly #opening = new Map<string, Opening>()
  readonly #threads = new ReaderThreads({
    heard: (word, thread) => this.#hear(word, thread),
    failed: (reason, thread) => this.#failed(reason, thread),
    silent: (thread) => this.#silent(thread),
    back: (thread) => this.#back(thread),
  })
  readonly #audience = new Audience(() => this.#settle())
  #owed: Owed[] = []
  #closed = false

  /** Resolves once a thread watches the tree. Throws `timeout` if that thread does not answer for 10 s. */
  async open(watcher: LiveWatcher, { mode, job }: { mode: Mode; job: WatchJob }, signal: AbortSignal): Promise<void> {
    if (this.#closed) throw stopping()
    const { id } = watcher
    const thread = this.#threads.take(mode, apartOf(watcher.realRoot, job.flat, id))
    watcher.reading ??= { thread, job }
    this.#watchers.set(id, watcher)
    const opened = Promise.withResolvers<void>()
    const leave = () => opened.reject(signal.reason)
    this.#opening.set(id, { ...opened, thread, job })
    signal.addEventListener('abort', leave, { once: true })
    thread.opening++
    this.#threads.look()
    try {
      thread.say({ type: 'open', id, job })
      await opened.promise
    } finally {
      thread.opening--
      signal.removeEventListener('abort', leave)
      this.#opening.delete(id)
      if (watcher.reading.thread !== thread) this.#release(id, thread)
    }
  }

  /** Stops watching the tree. */
  close({ id, reading }: LiveWatcher): void {
    if (reading === undefined || !this.#watchers.delete(id)) return
    this.#opening.get(id)?.reject(new Error('the watcher was deleted'))
    this.#release(id, reading.thread)
  }

  #release(id: string, thread: ReaderThread): void {
    thread.say({ type: 'close', id })
    if (this.#of(thread).length === 0 && thread.opening === 0) this.#threads.rest(thread)
  }

  /** Returns a new listener, whose queue begins with a `ready` for each active watcher. */
  subscribe(readable: () => void, limited: boolean): Subscription {
    const known = [...this.#watchers.values()].filter(({ ready, active }) => ready && active)
    const first = known.map((watcher) => watcher.readyFirst())
    return this.#audience.join(readable, first, limited)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const opened of this.#opening.values()) opened.reject(stopping())
    this.#watchers.clear()
    await this.#threads.close()
  }

  #hear(word: ReaderWord, thread: ReaderThread): void {
    const watcher = this.#watchers.get(word.id)
    const pending = this.#opening.get(word.id)
    const opening = pending?.thread === thread ? pending : undefined
    if (watcher === undefined || (opening ?? watcher.reading)?.thread !== thread) return // watcher deleted or moved
    if (word.type === 'told') this.#tell(watcher, thread, word)
    else if (word.type === 'remounted') this.#remounted(watcher, thread, word.places)
    else if (word.type === 'failed') {
      const fault = faultOf({ ...word.fault, retryAfter: word.fault.retryAfter ?? RETRY_AFTER_S })
      if (opening === undefined) this.#broken(watcher, fault)
      else opening.reject(fault)
    } else if (opening !== undefined) this.#opened(watcher, opening, word.coverage)
  }

  #opened(watcher: LiveWatcher, { thread, job, resolve }: Opening, coverage: Coverage): void {
    const before = watcher.reading?.thread
    watcher.reading = { thread, job }
    if (before !== undefined && before !== thread) this.#release(watcher.id, before)
    watcher.coverage = coverage
    watcher.problem = undefined
    this.#audience.tell([watcher.ready ? watcher.readyAgain() : watcher.readyFirst()])
    watcher.ready = true
    resolve()
  }

  #tell(watcher: LiveWatcher, thread: ReaderThread, told: Extract<ReaderWord, { type: 'told' }>): void {
    const { id, items, bytes, coverage } = told
    this.#audience.tell(watcher.hear(items, coverage))
    watcher.log.wake()
    this.#owed.push({ thread, id, count: items.length, bytes })
    this.#settle()
  }

  /** Acknowledges the threads' batches if every listener has room for more. */
  #settle(): void {
    if (this.#audience.behind) return
    const owed = this.#owed
    this.#owed = []
    for (const { thread, id, count, bytes } of owed) thread.say({ type: 'taken', id, count, bytes })
  }

  /** Handles new and ended mounts in the tree. One that may not answer moves the watcher to a separate thread. */
  #remounted(watcher: LiveWatcher, thread: ReaderThread, places: readonly string[]): void {
    const { id, realRoot, flat } = watcher
    if (!thread.apart && apartOf(realRoot, flat, id) !== undefined) {
      void this.#move(watcher, places)
      return
    }
    watcher.problem = undefined
    thread.say({ type: 'judged', id, enter: true })
  }

  /** Moves a watcher. Its old thread keeps it until the new thread watches the tree, and if the new one fails. */
  async #move(watcher: LiveWatcher, places: readonly string[]): Promise<void> {
    const { id, reading } = watcher
    if (reading === undefined) return
    this.#audience.tell([watcher.overflow(MOUNTED)])
    try {
      const job = { ...reading.job, tell: places }
      await this.open(watcher, { mode: reading.thread.mode, job }, new AbortController().signal)
    } catch (error) {
      if (this.#watchers.get(id) !== watcher) return
      watcher.problem = NOT_ENTERED + (error instanceof Error ? error.message : String(error))
      this.#audience.tell([watcher.overflow(watcher.problem)])
      reading.thread.say({ type: 'judged', id, enter: false })
    }
  }

  #silent(thread: ReaderThread): void {
    for (const { id, root } of this.#watchers.values()) {
      const opening = this.#opening.get(id)
      if (opening?.thread === thread) opening.reject(silence(root))
    }
    for (const watcher of this.#of(thread)) {
      if (!watcher.ready || !watcher.active) continue
      watcher.problem = SILENT
      watcher.log.cut()
      this.#audience.tell([watcher.overflow(SILENT)])
    }
  }

  /** Clears the problem: the kernel kept the events meanwhile, or the thread finds that some were lost. */
  #back(thread: ReaderThread): void {
    for (const watcher of this.#of(thread)) {
      watcher.problem = undefined
      if (watcher.ready && watcher.active) this.#audience.tell([watcher.readyAgain()])
    }
  }

  /** Ends a watcher that cannot go on: tells the listeners why and keeps it in the list. */
  #broken(watcher: LiveWatcher, reason: Error): void {
    if (!watcher.active || this.#watchers.get(watcher.id) !== watcher) return
    watcher.active = false
    this.#audience.tell([watcher.overflow(`watching has ended: ${reason.message}`)])
    watcher.log.wake()
    this.close(watcher)
  }

  #failed(reason: Error, thread: ReaderThread): void {
    const watchers = this.#of(thread)
    this.#threads.end(thread)
    for (const opening of this.#opening.values()) if (opening.thread === thread) opening.reject(reason)
    for (const watcher of watchers) {
      if (watcher.ready) this.#broken(watcher, reason)
    }
  }

  #of(thread: ReaderThread): LiveWatcher[] {
    return [...this.#watchers.values()].filter(({ reading }) => reading?.thread === thread)
  }
}

function silence(root: string): Fault {
  const sentence = `path ${quote(root)}: a file system mounted at or below it did not answer within ${SILENT_S} s`
  return new Fault('timeout', sentence, { details: { path: root, limit_seconds: SILENT_S } })
}

export function stopping(): Fault {
  return new Fault('unavailable', 'the daemon is stopping and watches nothing more')
}
