// The listeners of all watchers. Each has a queue of events, which its owner takes when it can send. Events are values;
// each transport renders them as text. While a queue is above its mark, the readers' batches stay unacknowledged. So a
// listener that stalls costs bounded memory: the kernel's queue overflows, and the reader tells the differences (W-07).

import type { ShownChange } from '../../threads/watch/windows.ts'

/** Event of one watcher, in order. All listeners get the same object. */
export type WatcherEvent =
  /** `json` is a ShownChange, rendered once by the reader thread; `changeOf` reads it. */
  | { readonly type: 'change'; readonly watcher: string; readonly json: string; readonly hidden: boolean }
  /** Changes were lost, or the reader cannot tell them for now. */
  | { readonly type: 'overflow'; readonly watcher: string; readonly message: string }
  /** The tree is watched. `resync`: true if it is watched again, after the differences were told. */
  | {
      readonly type: 'ready'
      readonly watcher: string
      readonly root: string
      /** Directories watched. */
      readonly dirs: number
      readonly resync: boolean
    }

/** Returns the change of an event of type `change`. */
export function changeOf({ json }: { readonly json: string }): ShownChange {
  return JSON.parse(json) as ShownChange // rendered by our own reader
}

/** Events and characters in one queue above which the readers get no further acknowledgement. */
const MARK_EVENTS = 1000
const MARK_LENGTH = 512 * 1024
/** Characters counted for an event in addition to its change or message. */
const HEAD_LENGTH = 64

export interface Subscription extends Disposable {
  /** Returns the next event; undefined if there is none now. `readable` is called when there is one again. */
  take(): WatcherEvent | undefined
}

class EventQueue implements Subscription {
  /** True if the owner may not see everything: hidden changes are left out. */
  readonly #limited: boolean
  readonly #on: {
    readonly readable: () => void
    readonly drained: () => void
    readonly gone: (queue: EventQueue) => void
  }
  #events: WatcherEvent[] = []
  /** Index of the next event; the events before it are cut off together, later. */
  #at = 0
  #length = 0
  /** True once `take` found no event: the next `push` calls `readable`. */
  #asked = false

  constructor(limited: boolean, on: { readable: () => void; drained: () => void; gone: (queue: EventQueue) => void }) {
    this.#limited = limited
    this.#on = on
  }

  get aboveMark(): boolean {
    return this.#events.length - this.#at > MARK_EVENTS || this.#length > MARK_LENGTH
  }

  push(events: readonly WatcherEvent[]): void {
    const before = this.#events.length
    for (const event of events) {
      if (this.#limited && event.type === 'change' && event.hidden) continue
      this.#events.push(event)
      this.#length += lengthOf(event)
    }
    if (!this.#asked || this.#events.length === before) return
    this.#asked = false
    this.#on.readable()
  }

  take(): WatcherEvent | undefined {
    const event = this.#events[this.#at]
    if (event === undefined) {
      this.#events = []
      this.#at = 0
      this.#asked = true
      return undefined
    }
    const above = this.aboveMark
    this.#at++
    this.#length -= lengthOf(event)
    if (this.#at > MARK_EVENTS) {
      this.#events = this.#events.slice(this.#at)
      this.#at = 0
    }
    if (above && !this.aboveMark) this.#on.drained()
    return event
  }

  [Symbol.dispose](): void {
    this.#events = []
    this.#at = 0
    this.#length = 0
    this.#on.gone(this)
  }
}

function lengthOf(event: WatcherEvent): number {
  if (event.type === 'change') return HEAD_LENGTH + event.json.length
  return HEAD_LENGTH + (event.type === 'overflow' ? event.message.length : event.root.length)
}

export class Audience {
  readonly #queues = new Set<EventQueue>()
  readonly #caughtUp: () => void

  /** Calls `caughtUp` when a listener that may have been the last one behind has caught up or left. */
  constructor(caughtUp: () => void) {
    this.#caughtUp = caughtUp
  }

  /** True while any listener's queue is above its mark. */
  get behind(): boolean {
    for (const queue of this.#queues) if (queue.aboveMark) return true
    return false
  }

  /** Returns a new listener, whose queue begins with `first`. */
  join(readable: () => void, first: readonly WatcherEvent[], limited: boolean): Subscription {
    const queue = new EventQueue(limited, {
      readable,
      drained: this.#caughtUp,
      gone: (left) => {
        this.#queues.delete(left)
        this.#caughtUp()
      },
    })
    this.#queues.add(queue)
    queue.push(first)
    return queue
  }

  tell(events: readonly WatcherEvent[]): void {
    for (const queue of this.#queues) queue.push(events)
  }
}
