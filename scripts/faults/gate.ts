// Lets clients that change files pass, or holds them before their next step, so that at some moments of a run the disk
// does not change and the watchers' reports can be compared with it.

export class Gate {
  #closed: PromiseWithResolvers<void> | undefined
  readonly #held = new Set<string>()

  /** Called by a client between two steps. */
  async pass(name: string): Promise<void> {
    if (this.#closed === undefined) return
    this.#held.add(name)
    await this.#closed.promise
    this.#held.delete(name)
  }

  close(): void {
    this.#closed ??= Promise.withResolvers()
  }

  open(): void {
    this.#closed?.resolve()
    this.#closed = undefined
  }

  /** Number of waiting clients. */
  get held(): number {
    return this.#held.size
  }
}
