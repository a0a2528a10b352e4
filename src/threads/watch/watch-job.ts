// What passes between the main thread and the inotify reader. Changes come as JSON text in batches, each of
// which the main thread acknowledges when it has room for more; without acknowledgements the reader stops
// reading, and what the kernel's own queue then cannot hold is announced and told by difference.

import type { FaultNotice } from '../../base/fault.ts'

export interface WatchJob {
  /** Absolute; an existing directory, or a link to one. */
  readonly root: string
  /** Globs to leave out, braces already expanded. */
  readonly globs: readonly string[]
  /** Whether the default excludes are left out too. */
  readonly defaultExcludes: boolean
  /** Watches the directory's own entries only, and enters none of them. */
  readonly flat: boolean
  /** Places whose entries are told as created: mounts that came after clients were told of the tree. */
  readonly tell: readonly string[]
}

/** What is told besides changes, in its place among them. */
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
  /** Directories that may not be read, and the first of their paths. */
  readonly errors: number
  readonly unreadable: readonly string[]
  /** Why part of the tree is not watched at present; undefined: all of it is. */
  readonly problem: string | undefined
}

export type ToReader =
  | { readonly type: 'open'; readonly id: string; readonly job: WatchJob }
  | { readonly type: 'close'; readonly id: string }
  /** The main thread has room again for what it was sent: so many items of so many bytes. */
  | { readonly type: 'taken'; readonly id: string; readonly count: number; readonly bytes: number }
  /** The main thread has looked at the mounts of `remounted`: this thread may enter them, or must not. */
  | { readonly type: 'judged'; readonly id: string; readonly enter: boolean }
  /** Asks for a sign of life; the thread answers `here`. */
  | { readonly type: 'ask' }
  | { readonly type: 'end' }

export type FromReader =
  /** The thread has started, or answers an `ask`. */
  | { readonly type: 'here' }
  /** Mounts in the tree have come or gone at these paths. The thread enters no new one that is not `judged`. */
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

/** The descriptor that wakes the reader from poll(2). */
export interface ReaderStart {
  readonly wakeup: number
}

// What a watcher has to say and the main thread has not yet acknowledged. It is bounded: while it is full
// nothing more is read from the kernel (W-07).

/** Together with windows.ts and the main thread's queue at most 10,000 changes or 4 MiB (W-07). */
const OUTBOX_ITEMS = 4000
const OUTBOX_BYTES = 1536 * 1024

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

  /** How many more items it takes. */
  get room(): number {
    return this.full ? 0 : OUTBOX_ITEMS - this.#items.length - this.#sentItems
  }

  /** Everything not sent yet; undefined where there is nothing. */
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

/** A notice counts as a short change. */
function bytesOf(item: Told): number {
  return typeof item === 'string' ? Buffer.byteLength(item) : 100
}
