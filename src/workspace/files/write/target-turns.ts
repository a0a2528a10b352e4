// Writers of one file, one after the other: what a writer found to be so when its turn began is still so when
// it acts, as far as the calls go that write, move and delete files (F-13). Two names of one file share
// its turn. Who does not take turns is outside, as are the commands that callers run: archives being unpacked
// (a turn for each of their files would be a question to this thread), and what moves or goes with its directory.

import type { Stats } from 'node:fs'
import { lookAt, type HeldEntry } from '../opening/held-directory.ts'

export class TargetTurns {
  /** The last in each line. */
  readonly #lines = new Map<string, Promise<unknown>>()

  /** Runs `act` alone among those for `entry`; it is given what stands there now, a link included. */
  async take<T>(entry: HeldEntry, act: (now: Stats | undefined) => Promise<T>): Promise<T> {
    return await this.#after(entry.real, async () => {
      const now = await lookAt(entry)
      if (now === undefined) return await act(undefined)
      // Lines are entered in this order only, so nobody waits in a circle.
      return await this.#after(lineOf(now), async () => await act(await lookAt(entry)))
    })
  }

  /** The same for several names at once, such as both ends of a move; what stands there is the caller's to ask. */
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

  /** Always in the same order, and all paths before any file: see above. */
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
