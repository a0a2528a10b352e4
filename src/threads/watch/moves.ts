// The first halves of moves, until their second halves come. A move out of the tree has no second half, so
// what is kept is bounded and the oldest goes.

/** The two halves stand next to each other in the kernel's queue but for events of other processors. */
const MOST = 64

export class Moves {
  readonly #left = new Map<number, string>()

  /** The entry at `path` left with this cookie. */
  left(cookie: number, path: string): void {
    this.#left.set(cookie, path)
    if (this.#left.size <= MOST) return
    for (const oldest of this.#left.keys()) {
      this.#left.delete(oldest)
      return
    }
  }

  /** Where the entry that arrived with this cookie was; undefined: not in the tree. */
  arrived(cookie: number): string | undefined {
    const path = this.#left.get(cookie)
    this.#left.delete(cookie)
    return path
  }

  clear(): void {
    this.#left.clear()
  }
}
