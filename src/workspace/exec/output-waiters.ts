// Who waits for a task to print more or to end. They are told of each piece as it is kept, and look for
// themselves whether it is what they wait for. As many as there are calls in progress, which is limited.

export class OutputWaiters {
  readonly #waiting = new Set<() => void>()

  /** Something came, or nothing more will. */
  wake(): void {
    for (const resolve of this.#waiting) resolve()
  }

  /** Resolves once `done` says so or `signal` aborts. */
  async until(done: () => boolean, signal: AbortSignal): Promise<void> {
    while (!done() && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const wake = (): void => resolve()
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake, { once: true })
      await promise
      signal.removeEventListener('abort', wake)
      this.#waiting.delete(wake)
    }
  }
}
