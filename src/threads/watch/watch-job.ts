// Messages between the main thread and a reader thread. Changes come as JSON text in batches; the main thread
// acknowledges each when it has room for more. Without acknowledgements the reader stops reading. If the kernel's queue
// then overflows, the reader announces it and tells the differences.

import type { FaultNotice } from '../../base/fault.ts'
import type { LastCall } from '../../native/last-call.ts'

export interface WatchJob {
  /** Absolute path of an existing directory, or of a link to one. */
  readonly root: string
  /** Globs to leave out, braces already expanded. */
  readonly globs: readonly string[]
  /** True if the default excludes are left out too. */
  readonly defaultExcludes: boolean
  /** True if only the directory's own entries are watched, and none is entered. */
  readonly flat: boolean
  /** Places whose entries are told as created: mounts that came after clients were told of the tree. */
  readonly tell: readonly string[]
}

/** Item that is no change, in its place among the changes. */
export type Notice =
  | { readonly kind: 'overflow'; readonly message: string }
  /** The differences after an overflow are complete. */
  | { readonly kind: 'ready' }
  /** The root has gone; nothing follows. */
  | { readonly kind: 'ended' }

/** A change as JSON, or a notice. */
export type Told = string | Notice

/** The state of the tree as its watcher knows it. */
export interface Coverage {
  readonly dirs: number
  /** Number of directories that may not be read; `unreadable` has the first of their paths. */
  readonly errors: number
  readonly unreadable: readonly string[]
  /** Reason why part of the tree is not watched at present; undefined if all of it is. */
  readonly problem: string | undefined
}

export type ToReader =
  | { readonly type: 'open'; readonly id: string; readonly job: WatchJob }
  | { readonly type: 'close'; readonly id: string }
  /** Acknowledges items: the main thread has room again for so many of them, of so many bytes together. */
  | { readonly type: 'taken'; readonly id: string; readonly count: number; readonly bytes: number }
  /** Verdict of the main thread on the mounts of `remounted`. `enter`: the thread may enter them. */
  | { readonly type: 'judged'; readonly id: string; readonly enter: boolean }
  /** Asks for a sign of life; the thread answers `here`. */
  | { readonly type: 'ask' }
  | { readonly type: 'end' }

export type FromReader =
  /** The thread has started, or answers an `ask`. */
  | { readonly type: 'here' }
  /** Mounts in the tree have come or gone at these paths. The thread enters no new one before it is `judged`. */
  | { readonly type: 'remounted'; readonly id: string; readonly places: readonly string[] }
  | { readonly type: 'opened'; readonly id: string; readonly coverage: Coverage }
  | { readonly type: 'failed'; readonly id: string; readonly fault: FaultNotice }
  | {
      readonly type: 'told'
      readonly id: string
      readonly items: readonly Told[]
      readonly bytes: number
      readonly coverage: Coverage
    }

/** Start data of a reader: the descriptor that wakes it from poll(2), and the cell for its last call of C. */
export interface ReaderStart {
  readonly wakeup: number
  readonly lastCall: LastCall
}

/** Most items and bytes. With windows.ts and the main thread's queue at most 10,000 changes or 4 MiB (W-07). */
const OUTBOX_ITEMS = 4000
const OUTBOX_BYTES = 1536 * 1024

/**
 * Items of a watcher that the main thread has not acknowledged yet. While the outbox is full, the reader reads nothing
 * more from the kernel (W-07).
 */
export class Outbox {
  #items: Told[] = []
  #bytes = 0
  #sentItems = 0
  #sentBytes = 0

  put(item: Told): void {
    this.#items.push(item)
    this.#bytes += bytesOf(item)
  }

  get full(): boolean {
    return this.#items.length + this.#sentItems >= OUTBOX_ITEMS || this.#bytes + this.#sentBytes >= OUTBOX_BYTES
  }

  /** Number of items that still fit. */
  get room(): number {
    return this.full ? 0 : OUTBOX_ITEMS - this.#items.length - this.#sentItems
  }

  /** Returns all items not sent yet; undefined if there are none. */
  send(): { items: Told[]; bytes: number } | undefined {
    if (this.#items.length === 0) return undefined
    const batch = { items: this.#items, bytes: this.#bytes }
    this.#sentItems += batch.items.length
    this.#sentBytes += batch.bytes
    this.#items = []
    this.#bytes = 0
    return batch
  }

  taken(count: number, bytes: number): void {
    this.#sentItems -= count
    this.#sentBytes -= bytes
  }
}

/** Returns the bytes of an item; a notice counts as a short change. */
function bytesOf(item: Told): number {
  return typeof item === 'string' ? Buffer.byteLength(item) : 100
}
