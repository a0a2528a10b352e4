// All watchers of the daemon (protocol.md#watchers): creates, lists and deletes them. Listeners get every event;
// callers who poll ask for changes. The end of a listener never ends a watcher.

import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { Fault, faultOfSystem, quote } from '../../base/fault.ts'
import { realpath } from '../../base/path-calls.ts'
import { expandPatterns } from '../../threads/walk/pattern-list.ts'
import { remoteCall } from '../files/mounts/remote-calls.ts'
import { EVERYTHING, type Access } from '../files/opening/access.ts'
import { answer, type Changes, type ChangesQuestion } from './changes.ts'
import { stopping, WatcherFeed } from './feed.ts'
import { notifies, type Mode } from './reader-thread.ts'
import type { Subscription } from './subscription.ts'
import { badCursor, LiveWatcher, parseCursor } from './watcher.ts'
import type { Watcher, WatcherRequest } from './watcher.ts'
import { hiddenBelow, withheldBelow } from './withheld-below.ts'

export { CHANGES_AT_ONCE, type Changes } from './changes.ts'
export type { Subscription, WatcherEvent } from './subscription.ts'
export type { Watcher, WatcherRequest } from './watcher.ts'
export { DEFAULT_EXCLUDES } from '../../threads/watch/survey.ts'

/** Most watchers at once by default (protocol.md#watchers). */
const USUAL_LIMIT = 5
export interface WatchersOptions {
  /** Most watchers at once; 5 by default. */
  readonly limit?: number
  /** Access of callers who may not see everything; needed if such callers listen. */
  readonly limited?: Access | undefined
  /** Resolves with true if inotify sees every change at a path; by default the file system decides. */
  readonly notifies?: (path: string) => Promise<boolean>
}

export interface Watchers extends AsyncDisposable {
  /**
   * Resolves once the tree is watched. Throws `conflict` at the limit, and `timeout` if a file system in the tree does
   * not answer for 10 s.
   */
  create(request: WatcherRequest, signal: AbortSignal, access?: Access): Promise<Watcher>
  list(): readonly Watcher[]
  /** Throws `not_found`. */
  get(id: string): Watcher
  /** Throws `not_found`. */
  delete(id: string): void
  /** Resolves with the changes after `since`; if there is none, with the first that comes within `waitSeconds`. */
  changes(id: string, question: ChangesQuestion, signal: AbortSignal): Promise<Changes>
  /**
   * Returns a queue of the events of all watchers, which begins with a `ready` for each. Take until it is empty; then
   * `readable` is called once there is an event again. A listener that takes nothing blocks the watchers: dispose it.
   */
  subscribe(readable: () => void, limited?: boolean): Subscription
}

export function openWatchers(options: WatchersOptions = {}): Watchers {
  return new WatcherTable(options)
}

class WatcherTable implements Watchers {
  readonly #limit: number
  readonly #limited: Access | undefined
  readonly #notifies: (path: string) => Promise<boolean>
  readonly #life = randomBytes(6).toString('hex')
  readonly #watchers = new Map<string, LiveWatcher>()
  readonly #feed = new WatcherFeed()
  #lastId = 0
  #closed = false

  constructor(options: WatchersOptions) {
    this.#limit = options.limit ?? USUAL_LIMIT
    this.#limited = options.limited
    this.#notifies = options.notifies ?? notifies
  }

  async create(request: WatcherRequest, signal: AbortSignal, access: Access = EVERYTHING): Promise<Watcher> {
    this.#admit()
    const hidden = access.everything && this.#limited ? await hiddenBelow(request.root, this.#limited) : []
    const globs = [...expandPatterns('excludes', request.excludes), ...(await withheldBelow(request.root, access))]
    this.#admit() // other requests may have come meanwhile
    const id = String(++this.#lastId)
    const watcher = new LiveWatcher(id, request, this.#life)
    watcher.hidden = hidden
    // The place is taken before the next wait, so that two requests cannot share the last one.
    this.#watchers.set(id, watcher)
    try {
      const mode = await this.#modeOf(request.root)
      watcher.realRoot = await remoteCall(request.root, () => realpath(request.root))
      signal.throwIfAborted()
      const { root, defaultExcludes, flat } = watcher
      await this.#feed.open(watcher, { mode, job: { root, globs, defaultExcludes, flat, tell: [] } }, signal)
      return watcher
    } catch (error) {
      this.#forget(id)
      throw error
    }
  }

  list(): readonly Watcher[] {
    return [...this.#watchers.values()].filter(({ ready }) => ready)
  }

  get(id: string): LiveWatcher {
    const watcher = this.#watchers.get(id)
    if (watcher?.ready === true) return watcher
    throw new Fault('not_found', `watcher ${quote(id)} does not exist`, { details: { id } })
  }

  delete(id: string): void {
    const { log } = this.get(id)
    this.#forget(id)
    log.wake()
  }

  async changes(id: string, question: ChangesQuestion, signal: AbortSignal): Promise<Changes> {
    const { since, waitSeconds, limited = false } = question
    const watcher = this.get(id)
    const { log } = watcher
    const place = parseCursor(since)
    if (place.life !== this.#life) return answer(watcher, log.next, { resync: 'restarted' })
    if (place.watcher !== id) throw badCursor(since, `belongs to watcher ${place.watcher}; accepted is one of ${id}`)
    if (place.next > log.next)
      throw badCursor(since, 'was never given out; accepted is the `cursor` of an earlier answer')
    if (place.next === log.next && watcher.active && waitSeconds > 0) await log.grown(waitSeconds * 1000, signal)
    this.get(id)
    if (place.next < log.first) return answer(watcher, log.next, { resync: 'expired' })
    return answer(watcher, place.next, { limited })
  }

  subscribe(readable: () => void, limited = false): Subscription {
    return this.#feed.subscribe(readable, limited)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const watcher of this.#watchers.values()) watcher.log.wake()
    this.#watchers.clear()
    await this.#feed[Symbol.asyncDispose]()
  }

  /** Makes room at the limit: deletes the oldest watcher that is not active. Throws `conflict` if all are active. */
  #admit(): void {
    if (this.#closed) throw stopping()
    if (this.#watchers.size < this.#limit) return
    const over = [...this.#watchers.values()].find(({ active }) => !active)
    if (over === undefined) {
      const sentence = `${this.#limit} watchers exist, which is the limit; delete one first`
      throw new Fault('conflict', sentence, { details: { limit: this.#limit } })
    }
    this.delete(over.id)
  }

  async #modeOf(root: string): Promise<Mode> {
    try {
      if (!(await remoteCall(root, () => stat(root))).isDirectory()) {
        throw new Fault('bad_request', `path ${quote(root)} is not a directory; accepted are directories`)
      }
      return (await remoteCall(root, () => this.#notifies(root))) ? 'inotify' : 'polling'
    } catch (error) {
      throw faultOfSystem(error, root)
    }
  }

  #forget(id: string): void {
    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return
    this.#watchers.delete(id)
    this.#feed.close(watcher)
  }
}
