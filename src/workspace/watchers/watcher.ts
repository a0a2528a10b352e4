// One watcher as the main thread knows it: what was asked for, what its thread says of the tree, and the
// changes that are kept for callers who poll.

import type { Coverage, Notice, Told } from '../../threads/watch/watch-job.ts'
import { losses } from '../../base/tally.ts'
import { isHidden } from './withheld-below.ts'
import { ChangeLog } from './change-log.ts'
import type { Mode } from './reader-thread.ts'

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
