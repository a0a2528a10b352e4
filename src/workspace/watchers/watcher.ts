// One watcher as the main thread knows it: what was asked for, what its thread says of the tree, and the
// changes that are kept for callers who poll.

import type { Coverage, Notice, Told } from '../../threads/watch/watch-job.ts'
import { losses } from '../../base/tally.ts'
import { isHidden } from './withheld-below.ts'
import type { Mode } from './reader-thread.ts'
import { Waiters } from '../../base/waiting.ts'
import { Fault, quote } from '../../base/fault.ts'

export interface WatcherRequest {
  /** Echoed as it was given. */
  readonly root: string
  readonly excludes: readonly string[]
  readonly defaultExcludes: boolean
}

/** What can be known of a watcher. */
export interface Watcher extends WatcherRequest {
  readonly id: string
  readonly mode: Mode
  readonly createdAt: Date
  /** False once the root has gone, or watching it has failed. */
  readonly active: boolean
  readonly coverage: Coverage
  /** Where the changes stand: those made from now on are after it. */
  readonly cursor: string
}

/** A frame, and whether it is for those alone who are allowed everything. */
export interface Heard {
  readonly frame: string
  readonly hidden: boolean
}

export class LiveWatcher implements Watcher {
  readonly id: string
  readonly mode: Mode
  readonly root: string
  readonly excludes: readonly string[]
  readonly defaultExcludes: boolean
  readonly createdAt = new Date()
  readonly log = new ChangeLog()
  /** False until its tree is watched; until then nobody hears of it. */
  ready = false
  active = true
  /** Places of which callers who are not allowed everything hear nothing. */
  hidden: readonly string[] = []
  coverage: Coverage = { dirs: 0, errors: 0, unreadable: [], problem: undefined }
  readonly #cursorAt: (next: number) => string

  constructor(
    id: string,
    request: WatcherRequest,
    more: { mode: Mode; cursorAt: (id: string, next: number) => string },
  ) {
    this.id = id
    this.mode = more.mode
    this.root = request.root
    this.excludes = request.excludes
    this.defaultExcludes = request.defaultExcludes
    this.#cursorAt = (next) => more.cursorAt(id, next)
  }

  get cursor(): string {
    return this.#cursorAt(this.log.next)
  }

  cursorAt(next: number): string {
    return this.#cursorAt(next)
  }

  /** Keeps what was told; the frames of it that listeners get. */
  hear(items: readonly Told[], coverage: Coverage): Heard[] {
    this.coverage = coverage
    const head = `{"channel":"watcher","type":"change","watcher_id":${JSON.stringify(this.id)},`
    const frames: Heard[] = []
    for (const item of items) {
      if (typeof item === 'string') {
        this.log.append(item)
        frames.push({ frame: head + item.slice(1), hidden: isHidden(item, this.hidden) })
      } else frames.push(...this.#notice(item).map((frame) => ({ frame, hidden: false })))
    }
    return frames
  }

  #notice(notice: Notice): string[] {
    if (notice.kind === 'overflow') return [this.overflowFrame(notice.message)]
    if (notice.kind === 'ready') {
      losses.watcherResyncs++
      return [this.readyFrame(true)]
    }
    this.active = false
    return []
  }

  overflowFrame(message: string): string {
    losses.watcherOverflows++
    return JSON.stringify({ channel: 'watcher', type: 'overflow', watcher_id: this.id, message })
  }

  /** Both names of the count: older clients read `dirs`, the SDK `dir_count`. */
  readyFrame(resync: boolean): string {
    const { dirs } = this.coverage
    const frame = { channel: 'watcher', type: 'ready', watcher_id: this.id, root: this.root, dirs, dir_count: dirs }
    return JSON.stringify(resync ? { ...frame, resync } : frame)
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
