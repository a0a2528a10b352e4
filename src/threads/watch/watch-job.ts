// What passes between the main thread and the inotify reader. Changes come as JSON text in batches, each of
// which the main thread acknowledges when it has room for more; without acknowledgements the reader stops
// reading, and what the kernel's own queue then cannot hold is announced and told by difference.

import type { FaultNotice } from '../walk/walk-job.ts'

export interface WatchJob {
  /** Absolute; an existing directory, or a link to one. */
  readonly root: string
  /** Globs to leave out, braces already expanded. */
  readonly globs: readonly string[]
  /** Whether the default excludes are left out too. */
  readonly defaultExcludes: boolean
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
  | { readonly type: 'end' }

export type FromReader =
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
