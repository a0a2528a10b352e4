// Writers of one file, one after the other. In its *turn* a writer acts alone: the facts that it found at the begin of
// the turn still hold when it acts, as far as the calls go that write, move and delete files (F-13). Two names of one
// file share its turn. Calls that take no turns are outside, as are the commands that callers run: archives being
// unpacked (a turn for each of their files would be a question to this thread), and entries that move or go with their
// directory.

import type { Stats } from 'node:fs'
import { lookAt, type HeldEntry } from '../opening/held-directory.ts'

export class TargetTurns {
  /** The last call in the line of each path and inode. */
  readonly #lines = new Map<string, Promise<unknown>>()

  /** Runs `act` alone among the calls for `entry`; `now` is what stands there, a link itself. */
  async take<T>(entry: HeldEntry, act: (now: Stats | undefined) => Promise<T>): Promise<T> {
    return await this.#after(entry.real, async () => {
      const now = await lookAt(entry)
      if (now === undefined) return await act(undefined)
      // Lines are entered in this order only, so no two calls wait for each other.
      return await this.#after(lineOf(now), async () => await act(await lookAt(entry)))
    })
  }

  /**
   * Runs `act` alone among the calls for several names, such as both ends of a move. `act` itself looks at what stands
   * there.
   */
  async takeAll<T>(entries: readonly HeldEntry[], act: () => Promise<T>): Promise<T> {
    const paths = entries.map(({ real }) => real)
    return await this.#afterAll(paths, async () => {
      const there = await Promise.all(entries.map((entry) => lookAt(entry).catch(() => undefined)))
      return await this.#afterAll(
        there.flatMap((one) => (one === undefined ? [] : [lineOf(one)])),
        act,
      )
    })
  }

  /** Lines are entered in the same order always, and those of all paths before any file's: see above. */
  async #afterAll<T>(keys: readonly string[], act: () => Promise<T>): Promise<T> {
    const [first, ...more] = [...new Set(keys)].toSorted()
    if (first === undefined) return await act()
    return await this.#after(first, () => this.#afterAll(more, act))
  }

  async #after<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#lines.get(key)
    const mine = before === undefined ? work() : before.then(work, work)
    this.#lines.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#lines.get(key) === mine) this.#lines.delete(key)
    }
  }
}

function lineOf({ dev, ino }: Stats): string {
  return `inode ${dev}:${ino}`
}
