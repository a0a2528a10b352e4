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
