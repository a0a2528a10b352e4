// One watcher as the main thread knows it: what was asked for, what its thread says of the tree, and the changes that
// are kept for callers who poll with a cursor.

import { Fault, quote } from '../../base/fault.ts'
import { losses } from '../../base/tally.ts'
import { Waiters } from '../../base/waiting.ts'
import type { Coverage, Told, WatchJob } from '../../threads/watch/watch-job.ts'
import type { Mode, ReaderThread } from './reader-thread.ts'
import type { WatcherEvent } from './subscription.ts'
import { isHidden } from './withheld-below.ts'

export interface WatcherRequest {
  /** Echoed as it was given. */
  readonly root: string
  readonly excludes: readonly string[]
  readonly defaultExcludes: boolean
  /** True: the entries of the directory itself are watched, and none below them. */
  readonly flat?: boolean
}

/** What can be known of a watcher. */
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
  /** The thread that watches the tree, and what it was asked for; undefined until it is chosen. */
  reading: { readonly thread: ReaderThread; readonly job: WatchJob } | undefined
  /** The root without links, as the list of mounts names it. */
  realRoot: string
  /** False until the tree is watched; until then no client hears of the watcher. */
  ready = false
  active = true
  /** Places of which callers who are not allowed everything hear nothing. */
  hidden: readonly string[] = []
  /** Why the tree is not watched at present, besides what its thread says. */
  problem: string | undefined
  #coverage: Coverage = { dirs: 0, errors: 0, unreadable: [], problem: undefined }
  readonly #life: string

  /** `life` stands in the cursors. */
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

  /** Keeps what the thread told; returns what listeners are told of it. */
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

// The last changes of one watcher, for callers who poll: at most 10,000 and 4 MiB (protocol.md#watchers), addressed by
// number. What has gone from it is answered with a resync, never left out.

const KEPT_CHANGES = 10_000
const KEPT_BYTES = 4 * 1024 * 1024
/** Of one answer, so that it fits into one message of MCP with its cursor; the rest comes with the next. */
const BYTES_AT_ONCE = 256 * 1024

class ChangeLog {
  #texts: string[] = []
  /** Index in #texts of the oldest that is kept; those before it wait to be cut off together. */
  #start = 0
  #bytes = 0
  /** Number of the change that comes next. */
  #next = 0
  readonly #waiting = new Waiters()

  /** `json` is a change as JSON. */
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

  /** At most `count` changes from number `from`, which must be kept; no more than BYTES_AT_ONCE, but at least one. */
  from(from: number, count: number): readonly string[] {
    const at = this.#start + from - this.first
    let bytes = 0
    const texts = this.#texts.slice(at, at + count)
    const over = texts.findIndex((text, i) => (bytes += Buffer.byteLength(text)) > BYTES_AT_ONCE && i > 0)
    return over === -1 ? texts : texts.slice(0, over)
  }

  /** Forgets all changes: what comes next is not told in full. Cursors from before are answered with a resync. */
  cut(): void {
    this.#texts = []
    this.#start = 0
    this.#bytes = 0
    this.#next++
    this.wake()
  }

  /** Those who wait look again. */
  wake(): void {
    this.#waiting.wake()
  }

  /** Until somebody calls `wake`, the time is up or the signal aborts. */
  async grown(ms: number, signal: AbortSignal): Promise<void> {
    await this.#waiting.next(signal, ms)
  }
}

// A caller's place among the changes of one watcher (protocol.md#watchers): opaque to the caller, and so made that one
// from before a restart is told from one that was never given out (W-08).

interface Place {
  /** Of the daemon's life: other lives have other changes. */
  readonly life: string
  readonly watcher: string
  /** Number of the next change. */
  readonly next: number
}

const FORM = /^([0-9a-f]{12})-([0-9]{1,15})-([0-9]{1,15})$/

export function cursorOf({ life, watcher, next }: Place): string {
  return `${life}-${watcher}-${next}`
}

/** The cursor of the same caller, so many changes earlier. */
export function cursorBefore(cursor: string, changes: number): string {
  const place = parseCursor(cursor)
  return cursorOf({ ...place, next: place.next - changes })
}

/** The place a cursor means; throws `bad_request` for what is none. */
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
