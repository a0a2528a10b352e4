// The window of each path: its first change opens it, later ones do not extend it, and at its end one change
// goes out (protocol.md#watchers). All windows are equally long, so the order in which they open is the order in which
// they end. Time is handed in; nothing here waits.

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

  /** `put` receives each change that goes out. */
  constructor(put: (change: Change) => void) {
    this.#put = put
  }

  get size(): number {
    return this.#open.size
  }

  /** When the next window ends; undefined when none is open. */
  get due(): number | undefined {
    for (const { due } of this.#open.values()) return due
    return undefined
  }

  note(change: Change, now: number): void {
    const known = this.#open.get(change.path)
    if (isGone(change) && change.directory) this.#endBelow(change.path)
    if (known === undefined) this.#open.set(change.path, { change, due: now + WINDOW_MS })
    // What took the place of a directory has nothing of what was below it, so both are said.
    else if (isGone(known.change) && known.change.directory && !isGone(change)) {
      this.#open.delete(change.path)
      this.#put(known.change)
      this.#open.set(change.path, { change, due: now + WINDOW_MS })
    } else known.change = merged(known.change, change)
  }

  /** What is about to be said of `path`. */
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
   * A directory that goes stands for everything below: nothing may be said of that later. What went before it
   * is said now.
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

// The first halves of moves, until their second halves come. A move out of the tree has no second half, so
// what is kept is bounded and the oldest goes. A directory that has two paths (a bind mount) has two of each
// half.

/** The two halves stand next to each other in the kernel's queue but for events of other processors. */
const MOST = 64

export class Moves {
  readonly #left = new Map<number, string[]>()

  /** The entry at `path` left with this cookie. */
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

  /** Where the entry that arrived at `path` with this cookie was; undefined: not in the tree. */
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

// A change of the watched tree: what happened to one path, how two changes of one path within its window
// become one, and the JSON that clients see (protocol.md#watchers). Pure.

export type Op = 'create' | 'write' | 'remove' | 'rename' | 'unknown'

/** Paths are as names.ts spells them. */
export interface Change {
  readonly path: string
  readonly op: Op
  readonly directory: boolean
  /** Of a write: the file was created in the same window. */
  readonly created?: boolean
  /** Of a create (and a write that follows it): where it was moved from, inside the tree. */
  readonly from?: string | undefined
  /** Of a rename: where it was moved to, inside the tree. */
  readonly to?: string | undefined
}

/** A change as clients see it. Where a path is not UTF-8 its exact bytes stand beside it in base64. */
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

/** True when the path leads nowhere after it. */
function isGone({ op }: Change): boolean {
  return op === 'remove' || op === 'rename'
}

/** One change for both: the last operation, with what the earlier one still has to say. */
function merged(earlier: Change, later: Change): Change {
  if (later.op === 'unknown') return isGone(earlier) ? later : earlier // new attributes are part of the rest
  if (later.op !== 'write') return later
  const created = earlier.op === 'create' || earlier.created === true
  return { ...later, ...(created ? { created } : {}), from: earlier.from }
}

/** The ShownChange as JSON. */
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
