// Lets clients that change files pass, or holds them before their next step, so that in the middle of a run there
// are moments at which the disk stands still and what watchers told of it can be compared.

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

  /** How many wait. */
  get held(): number {
    return this.#held.size
  }
}
