// Writers of one file, one after the other: what a writer found to be so when its turn began is still so when
// it acts, as far as this daemon goes (reliability F-13). Two names of one file share its turn.

import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { errnoOf } from '../../fault.ts'

export class TargetTurns {
  /** The last in each line. */
  readonly #lines = new Map<string, Promise<unknown>>()

  /** Runs `act` alone among those for `path`, which is no link; it is given what stands there now. */
  async take<T>(path: string, act: (now: Stats | undefined) => Promise<T>): Promise<T> {
    return await this.#after(path, async () => {
      const now = await standing(path)
      if (now === undefined) return await act(undefined)
      // Lines are entered in this order only, so nobody waits in a circle.
      return await this.#after(`inode ${now.dev}:${now.ino}`, async () => await act(await standing(path)))
    })
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

async function standing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
