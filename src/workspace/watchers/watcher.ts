// One watcher in the main thread: the client's request, the state of the tree as the thread reports it, and the changes
// that are kept for callers who poll with a cursor.

import { Fault, quote } from '../../base/fault.ts'
import { losses } from '../../base/tally.ts'
import { Waiters } from '../../base/waiting.ts'
import type { Coverage, Told, WatchJob } from '../../threads/watch/watch-job.ts'
import type { Mode, ReaderThread } from './reader-thread.ts'
import type { WatcherEvent } from './subscription.ts'
import { isHidden } from './withheld-below.ts'

export interface WatcherRequest {
  /** Directory to watch; replies show it as it was given. */
  readonly root: string
  readonly excludes: readonly string[]
  readonly defaultExcludes: boolean
  /** True if only the entries of the directory itself are watched. */
  readonly flat?: boolean
}

/** State of a watcher that callers can see. */
export interface Watcher extends WatcherRequest {
  readonly id: string
  readonly mode: Mode
  readonly createdAt: Date
  /** False once the root has gone, or watching it has failed. */
  readonly active: boolean
  readonly coverage: Coverage
  /** Cursor behind the newest change. */
  readonly cursor: string
}

export class LiveWatcher implements Watcher {
  readonly id: string
  readonly root: string
  readonly excludes: readonly string[]
  readonly defaultExcludes: boolean
  readonly flat: boolean
  readonly createdAt = new Date()
  readonly log = new ChangeLog()
  /** Thread that watches the tree, and its job; undefined until the thread is chosen. */
  reading: { readonly thread: ReaderThread; readonly job: WatchJob } | undefined
  /** Root without symbolic links, as the list of mounts names it. */
  realRoot: string
  /** False until the tree is watched; until then no client hears of the watcher. */
  ready = false
  active = true
  /** Places whose changes are hidden from callers who may not see everything. */
  hidden: readonly string[] = []
  /** Reason, besides the thread's own, why the tree is not watched at present. */
  problem: string | undefined
  #coverage: Coverage = { dirs: 0, errors: 0, unreadable: [], problem: undefined }
  readonly #life: string

  /** `life` is part of every cursor. */
  constructor(id: string, request: WatcherRequest, life: string) {
    this.id = id
    this.root = request.root
    this.realRoot = request.root
    this.excludes = request.excludes
    this.defaultExcludes = request.defaultExcludes
    this.flat = request.flat ?? false
    this.#life = life
  }

  get mode(): Mode {
    return this.reading?.thread.mode ?? 'inotify'
  }

  get coverage(): Coverage {
    return this.problem === undefined ? this.#coverage : { ...this.#coverage, problem: this.problem }
  }

  set coverage(coverage: Coverage) {
    this.#coverage = coverage
  }

  get cursor(): string {
    return this.cursorAt(this.log.next)
  }

  cursorAt(next: number): string {
    return cursorOf({ life: this.#life, watcher: this.id, next })
  }

  /** Keeps the items that the thread told; returns the events for the listeners. */
  hear(items: readonly Told[], coverage: Coverage): WatcherEvent[] {
    this.#coverage = coverage
    const events: WatcherEvent[] = []
    for (const item of items) {
      if (typeof item === 'string') {
        this.log.append(item)
        events.push({ type: 'change', watcher: this.id, json: item, hidden: isHidden(item, this.hidden) })
      } else if (item.kind === 'overflow') events.push(this.overflow(item.message))
      else if (item.kind === 'ready') events.push(this.readyAgain())
      else this.active = false
    }
    return events
  }

  overflow(message: string): WatcherEvent {
    losses.watcherOverflows++
    return { type: 'overflow', watcher: this.id, message }
  }

  readyFirst(): WatcherEvent {
    return { type: 'ready', watcher: this.id, root: this.root, dirs: this.#coverage.dirs, resync: false }
  }

  readyAgain(): WatcherEvent {
    losses.watcherResyncs++
    return { type: 'ready', watcher: this.id, root: this.root, dirs: this.#coverage.dirs, resync: true }
  }
}

const KEPT_CHANGES = 10_000
const KEPT_BYTES = 4 * 1024 * 1024
/** Bytes of changes in one answer, so that one MCP message holds them and the cursor; the next answer has the rest. */
const BYTES_AT_ONCE = 256 * 1024

/**
 * The last changes of one watcher, for callers who poll: at most 10,000 and 4 MiB (protocol.md#watchers), addressed by
 * number. A caller who asks for older ones gets a resync, never a silent gap.
 */
class ChangeLog {
  #texts: string[] = []
  /** Index in #texts of the oldest kept change; the texts before it are cut off together, later. */
  #start = 0
  #bytes = 0
  /** Number that the next change gets. */
  #next = 0
  readonly #waiting = new Waiters()

  /** Appends a change, given as JSON. */
  append(json: string): void {
    this.#texts.push(json)
    this.#bytes += Buffer.byteLength(json)
    this.#next++
    while (this.#texts.length - this.#start > KEPT_CHANGES || this.#bytes > KEPT_BYTES) {
      this.#bytes -= Buffer.byteLength(this.#texts[this.#start] ?? '')
      this.#start++
    }
    if (this.#start <= KEPT_CHANGES) return
    this.#texts = this.#texts.slice(this.#start)
    this.#start = 0
  }

  get next(): number {
    return this.#next
  }

  /** Number of the oldest change that is kept. */
  get first(): number {
    return this.#next - (this.#texts.length - this.#start)
  }

  /** Returns at most `count` changes and BYTES_AT_ONCE, but at least one, from number `from`, which must be kept. */
  from(from: number, count: number): readonly string[] {
    const at = this.#start + from - this.first
    let bytes = 0
    const texts = this.#texts.slice(at, at + count)
    const over = texts.findIndex((text, i) => (bytes += Buffer.byteLength(text)) > BYTES_AT_ONCE && i > 0)
    return over === -1 ? texts : texts.slice(0, over)
  }

  /** Forgets all changes, since the next ones are incomplete. Earlier cursors are answered with a resync. */
  cut(): void {
    this.#texts = []
    this.#start = 0
    this.#bytes = 0
    this.#next++
    this.wake()
  }

  /** Wakes the callers in `grown`, who look again. */
  wake(): void {
    this.#waiting.wake()
  }

  /** Waits until `wake` is called, the time is up or the signal aborts. */
  async grown(ms: number, signal: AbortSignal): Promise<void> {
    await this.#waiting.next(signal, ms)
  }
}

/**
 * A caller's place among the changes of one watcher (protocol.md#watchers). The caller gets it as an opaque cursor.
 * `life` distinguishes a cursor from before a restart from one that was never given out (W-08).
 */
interface Place {
  /** Name of the daemon's run: every run numbers its own changes. */
  readonly life: string
  readonly watcher: string
  /** Number of the next change. */
  readonly next: number
}

const FORM = /^([0-9a-f]{12})-([0-9]{1,15})-([0-9]{1,15})$/

export function cursorOf({ life, watcher, next }: Place): string {
  return `${life}-${watcher}-${next}`
}

/** Returns the cursor that is so many changes earlier. */
export function cursorBefore(cursor: string, changes: number): string {
  const place = parseCursor(cursor)
  return cursorOf({ ...place, next: place.next - changes })
}

/** Returns the place that a cursor means; throws `bad_request` if it is no cursor. */
export function parseCursor(cursor: string): Place {
  const [, life, watcher, next] = FORM.exec(cursor) ?? []
  if (life === undefined || watcher === undefined || next === undefined) {
    throw badCursor(cursor, 'is not a cursor; accepted is the `cursor` of an earlier answer')
  }
  return { life, watcher, next: Number(next) }
}

export function badCursor(cursor: string, sentence: string): Fault {
  return new Fault('bad_request', `since: ${quote(cursor)} ${sentence}`, { details: { field: 'since' } })
}
