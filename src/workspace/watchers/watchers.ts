// All watchers of the daemon (protocol.md#watchers): created, listed, deleted, heard by listeners frame by frame
// or asked by callers who poll. Trees are watched in one thread; those on file systems that do not notify in
// another. Closing a listener never ends a watcher (protocol.md#watchers).

import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { Fault, faultOf, faultOfSystem, quote } from '../../base/fault.ts'
import { THREAD_REST_MS } from '../../native/koffi.ts'
import { expandPatterns } from '../../threads/walk/pattern-list.ts'
import type { FromReader } from '../../threads/watch/watch-job.ts'
import { EVERYTHING, type Access } from '../files/opening/access.ts'
import { remoteCall } from '../files/mounts/remote-calls.ts'
import { answer, type Changes, type ChangesQuestion } from './changes.ts'
import {
  badCursor,
  cursorOf,
  parseCursor,
  LiveWatcher,
  type Heard,
  type Watcher,
  type WatcherRequest,
} from './watcher.ts'
import { notifies, ReaderThread, type Mode } from './reader-thread.ts'
import { hiddenBelow, withheldBelow } from './withheld-below.ts'
import { Audience, type Subscription } from './subscription.ts'

export { CHANGES_AT_ONCE, type Changes } from './changes.ts'
export type { Subscription } from './subscription.ts'
export type { Watcher, WatcherRequest } from './watcher.ts'

export interface WatchersOptions {
  /** Watchers at once; 5 unless given (protocol.md#watchers). */
  readonly limit?: number
  /** The access of callers who are not allowed everything; needed where they listen too. */
  readonly limited?: Access | undefined
  /** Whether inotify sees every change at a path; decided by its file system unless given. */
  readonly notifies?: (path: string) => Promise<boolean>
}

export { DEFAULT_EXCLUDES } from '../../threads/watch/survey.ts'

export interface Watchers extends AsyncDisposable {
  create(request: WatcherRequest, signal: AbortSignal, access?: Access): Promise<Watcher>
  list(): readonly Watcher[]
  /** Throws `not_found`. */
  get(id: string): Watcher
  delete(id: string): void
  /** What happened after `since`; where nothing has, the first that does within `waitSeconds`. */
  changes(id: string, question: ChangesQuestion, signal: AbortSignal): Promise<Changes>
  /**
   * Frames of all watchers, beginning with a `ready` for each. Take until there is none; then `readable` is
   * called once there is one again. A listener that takes nothing holds the watchers up: dispose it in time.
   */
  subscribe(readable: () => void, limited?: boolean): Subscription
}

export function openWatchers(options: WatchersOptions = {}): Watchers {
  return new WatcherTable(options)
}

/** What a reader told and does not yet know to be taken. */
interface Owed {
  readonly id: string
  readonly count: number
  readonly bytes: number
}

class WatcherTable implements Watchers {
  readonly #limit: number
  readonly #limited: Access | undefined
  readonly #notifies: (path: string) => Promise<boolean>
  readonly #life = randomBytes(6).toString('hex')
  readonly #watchers = new Map<string, LiveWatcher>()
  readonly #opening = new Map<string, PromiseWithResolvers<void>>()
  readonly #threads = new Map<Mode, ReaderThread>()
  readonly #ends = new Set<Promise<void>>()
  #resting: NodeJS.Timeout | undefined
  readonly #audience = new Audience(() => this.#settle())
  #owed: Owed[] = []
  #lastId = 0
  #closed = false

  constructor(options: WatchersOptions) {
    this.#limit = options.limit ?? 5
    this.#limited = options.limited
    this.#notifies = options.notifies ?? notifies
  }

  async create(request: WatcherRequest, signal: AbortSignal, access: Access = EVERYTHING): Promise<Watcher> {
    this.#admit()
    const hidden = access.everything && this.#limited ? await hiddenBelow(request.root, this.#limited) : []
    const globs = [...expandPatterns('excludes', request.excludes), ...(await withheldBelow(request.root, access))]
    this.#admit() // others may have come meanwhile
    const id = String(++this.#lastId)
    const cursorAt = (watcher: string, next: number) => cursorOf({ life: this.#life, watcher, next })
    // The place is taken before the first wait, so that two requests cannot share the last one.
    const place = new LiveWatcher(id, request, { mode: 'inotify', cursorAt })
    this.#watchers.set(id, place)
    try {
      const mode = await this.#modeOf(request.root)
      signal.throwIfAborted()
      const watcher = mode === place.mode ? place : new LiveWatcher(id, request, { mode, cursorAt })
      watcher.hidden = hidden
      this.#watchers.set(id, watcher)
      await this.#start(watcher, globs, signal)
      return watcher
    } catch (error) {
      this.#forget(id)
      throw error
    }
  }

  async #start(watcher: LiveWatcher, globs: readonly string[], signal: AbortSignal): Promise<void> {
    const { id, root, defaultExcludes } = watcher
    const opened = Promise.withResolvers<void>()
    const leave = () => opened.reject(signal.reason)
    this.#opening.set(id, opened)
    signal.addEventListener('abort', leave, { once: true })
    try {
      this.#thread(watcher.mode).say({ type: 'open', id, job: { root, globs, defaultExcludes } })
      await opened.promise
    } finally {
      signal.removeEventListener('abort', leave)
      this.#opening.delete(id)
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

  async changes(
    id: string,
    { since, waitSeconds, limited = false }: ChangesQuestion,
    signal: AbortSignal,
  ): Promise<Changes> {
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
    const known = [...this.#watchers.values()].filter(({ ready, active }) => ready && active)
    return this.#audience.join(
      readable,
      known.map((watcher) => watcher.readyFrame(false)),
      limited,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearTimeout(this.#resting)
    for (const opened of this.#opening.values()) opened.reject(stopping())
    for (const watcher of this.#watchers.values()) watcher.log.wake()
    this.#watchers.clear()
    for (const mode of this.#threads.keys()) this.#end(mode)
    await Promise.all(this.#ends)
  }

  /** Makes room: a watcher whose root has gone gives its place up, the oldest first. */
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
      return (await this.#notifies(root)) ? 'inotify' : 'polling'
    } catch (error) {
      throw faultOfSystem(error, root)
    }
  }

  #thread(mode: Mode): ReaderThread {
    if (this.#closed) throw stopping()
    if (mode === 'inotify') clearTimeout(this.#resting)
    const running = this.#threads.get(mode)
    if (running !== undefined) return running
    const thread = new ReaderThread(mode, {
      heard: (message) => this.#hear(message),
      failed: (reason) => this.#failed(mode, reason),
    })
    this.#threads.set(mode, thread)
    return thread
  }

  #hear(message: FromReader): void {
    const watcher = this.#watchers.get(message.id)
    if (watcher === undefined) return // deleted; its thread will hear of it
    const opened = this.#opening.get(message.id)
    if (message.type === 'told') this.#tell(watcher, message)
    else if (message.type === 'failed') {
      const fault = faultOf(message.fault)
      if (opened === undefined) this.#broken(watcher, fault)
      else opened.reject(fault)
    } else {
      watcher.coverage = message.coverage
      watcher.ready = true
      this.#audience.tell([watcher.readyFrame(false)])
      opened?.resolve()
    }
  }

  #tell(watcher: LiveWatcher, { id, items, bytes, coverage }: Extract<FromReader, { type: 'told' }>): void {
    const heard = watcher.hear(items, coverage)
    const shown = heard.filter(({ hidden }) => !hidden)
    this.#audience.tell(heard.map(frameOf), shown.map(frameOf))
    watcher.log.wake()
    this.#owed.push({ id, count: items.length, bytes })
    this.#settle()
  }

  /** Acknowledges what was told as soon as every listener has room for more. */
  #settle(): void {
    if (this.#audience.behind) return
    const owed = this.#owed
    this.#owed = []
    for (const { id, count, bytes } of owed) {
      const mode = this.#watchers.get(id)?.mode
      if (mode !== undefined) this.#threads.get(mode)?.say({ type: 'taken', id, count, bytes })
    }
  }

  /** A watcher that cannot go on says so, and stays to be seen. */
  #broken(watcher: LiveWatcher, reason: Error): void {
    watcher.active = false
    this.#audience.tell([watcher.overflowFrame(`watching has ended: ${reason.message}`)])
    watcher.log.wake()
  }

  #failed(mode: Mode, reason: Error): void {
    this.#end(mode)
    for (const watcher of this.#watchers.values()) {
      if (watcher.mode !== mode || !watcher.active) continue
      this.#opening.get(watcher.id)?.reject(reason)
      if (watcher.ready) this.#broken(watcher, reason)
    }
  }

  #forget(id: string): void {
    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return
    this.#watchers.delete(id)
    this.#threads.get(watcher.mode)?.say({ type: 'close', id })
    if (![...this.#watchers.values()].some(({ mode }) => mode === watcher.mode)) this.#rest(watcher.mode)
  }

  /** A thread without watchers goes, since it holds some megabytes; the one that makes native calls after a while. */
  #rest(mode: Mode): void {
    clearTimeout(this.#resting)
    if (mode === 'polling') this.#end(mode)
    else this.#resting = setTimeout(() => this.#end(mode), THREAD_REST_MS).unref()
  }

  #end(mode: Mode): void {
    const thread = this.#threads.get(mode)
    if (thread === undefined) return
    this.#threads.delete(mode)
    const end = thread[Symbol.asyncDispose]().finally(() => this.#ends.delete(end))
    this.#ends.add(end)
  }
}

const frameOf = ({ frame }: Heard): string => frame

function stopping(): Fault {
  return new Fault('unavailable', 'the daemon is stopping and watches nothing more')
}
