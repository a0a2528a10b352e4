// The window of each path: its first change opens it, later ones do not extend it, and at its end one change
// goes out (protocol.md#watchers). All windows are equally long, so the order in which they open is the order in which
// they end. Time is handed in; nothing here waits.

import { isGone, merged, type Change } from './change.ts'

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
