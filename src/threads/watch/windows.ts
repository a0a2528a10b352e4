// The window of each path: the first change opens it, later ones do not extend it, and one change is sent at its end
// (protocol.md#watchers). All windows are equally long, so they end in the order in which they open. The caller passes
// the time; nothing here waits. Also here: the halves of moves, and changes as they are merged and rendered.

import { jsonOf } from '../../base/json-text.ts'
import { locate } from './tree.ts'

/** Milliseconds of a window (protocol.md#watchers). */
export const WINDOW_MS = 50

interface Open {
  change: Change
  readonly due: number
}

export class Windows {
  readonly #open = new Map<string, Open>()
  readonly #put: (change: Change) => void

  /** `put` receives each change that is sent. */
  constructor(put: (change: Change) => void) {
    this.#put = put
  }

  get size(): number {
    return this.#open.size
  }

  /** Time at which the next window ends; undefined if none is open. */
  get due(): number | undefined {
    for (const { due } of this.#open.values()) return due
    return undefined
  }

  note(change: Change, now: number): void {
    const known = this.#open.get(change.path)
    if (isGone(change) && change.directory) this.#endBelow(change.path)
    if (known === undefined) this.#open.set(change.path, { change, due: now + WINDOW_MS })
    // A replaced directory must be reported as removed first: its old contents are gone.
    else if (isGone(known.change) && known.change.directory && !isGone(change)) {
      this.#open.delete(change.path)
      this.#put(known.change)
      this.#open.set(change.path, { change, due: now + WINDOW_MS })
    } else known.change = merged(known.change, change)
  }

  /** Returns the change of `path` that is not sent yet. */
  pending(path: string): Change | undefined {
    return this.#open.get(path)?.change
  }

  /** Ends the windows that are due, at most `count` of them. */
  end(now: number, count: number): void {
    for (const [path, { change, due }] of this.#open) {
      if (due > now || count-- <= 0) return
      this.#open.delete(path)
      this.#put(change)
    }
  }

  /** Ends all windows at once. */
  flush(): void {
    this.end(Infinity, Infinity)
  }

  /**
   * Ends the windows below a directory that goes. Its change stands for everything below, so no later change may tell
   * of that: earlier removals are sent now, other changes are dropped.
   */
  #endBelow(path: string): void {
    const prefix = path === '/' ? path : `${path}/`
    for (const [open, { change }] of this.#open) {
      if (!open.startsWith(prefix)) continue
      this.#open.delete(open)
      if (isGone(change)) this.#put(change)
    }
  }
}

/** Most moves kept. The two halves are adjacent in the kernel's queue except for events of other processors. */
const MOST = 64

/**
 * First halves of moves, until their second halves come. A move out of the tree has no second half, so the number is
 * bounded and the oldest is dropped. A directory with two paths (a bind mount) has two of each half.
 */
export class Moves {
  readonly #left = new Map<number, string[]>()

  /** Notes that the entry at `path` left with this cookie. */
  left(cookie: number, path: string): void {
    const known = this.#left.get(cookie)
    if (known !== undefined) known.push(path)
    else this.#left.set(cookie, [path])
    if (this.#left.size <= MOST) return
    for (const oldest of this.#left.keys()) {
      this.#left.delete(oldest)
      return
    }
  }

  /** Returns the old path of the entry that arrived at `path` with this cookie; undefined if outside the tree. */
  arrived(cookie: number, path: string): string | undefined {
    const known = this.#left.get(cookie)
    if (known === undefined) return undefined
    const parent = path.slice(0, path.lastIndexOf('/') + 1)
    const beside = known.findIndex((one) => one.slice(0, one.lastIndexOf('/') + 1) === parent)
    const [from] = known.splice(Math.max(0, beside), 1)
    if (known.length === 0) this.#left.delete(cookie)
    return from
  }

  clear(): void {
    this.#left.clear()
  }
}

export type Op = 'create' | 'write' | 'remove' | 'rename' | 'unknown'

/** A change of one path in the watched tree. Paths are as tree.ts spells them. */
export interface Change {
  readonly path: string
  readonly op: Op
  readonly directory: boolean
  /** True if the file of this write was created in the same window. */
  readonly created?: boolean
  /** Old path, inside the tree, of a created entry (also in a write that follows). */
  readonly from?: string | undefined
  /** New path, inside the tree, of a renamed entry. */
  readonly to?: string | undefined
}

/** A change as clients see it. A path that is not UTF-8 has its exact bytes beside it in base64. */
export interface ShownChange {
  path: string
  op: Op
  directory?: boolean
  created?: boolean
  from?: string
  to?: string
  path_base64?: string
  from_base64?: string
  to_base64?: string
}

/** True if the path does not exist after the change. */
function isGone({ op }: Change): boolean {
  return op === 'remove' || op === 'rename'
}

/** Returns one change for both: the later operation, with `created` and `from` of the earlier one. */
function merged(earlier: Change, later: Change): Change {
  if (later.op === 'unknown') return isGone(earlier) ? later : earlier // the earlier change covers new attributes
  if (later.op !== 'write') return later
  const created = earlier.op === 'create' || earlier.created === true
  return { ...later, ...(created ? { created } : {}), from: earlier.from }
}

/** Returns the ShownChange as JSON. */
export function renderChange(change: Change): string {
  const path = locate(change.path)
  const from = change.from === undefined ? undefined : locate(change.from)
  const to = change.to === undefined ? undefined : locate(change.to)
  const shown: { [K in keyof ShownChange]: ShownChange[K] | undefined } = {
    path: path.path,
    op: change.op,
    directory: change.directory || undefined,
    created: change.created || undefined,
    from: from?.path,
    to: to?.path,
    path_base64: path.raw?.toString('base64'),
    from_base64: from?.raw?.toString('base64'),
    to_base64: to?.raw?.toString('base64'),
  }
  return jsonOf(shown) // leaves undefined out
}
