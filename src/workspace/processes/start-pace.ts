// Lets one process start in each turn of the main loop. A start holds the loop until the child has executed its
// program, 0.3 ms on an idle machine and 2 ms on a busy one, so fifty in a row would hold it for 100 ms
// (protocol.md#limits allows 50). The first of a turn starts at once; the others follow in the order they came.

export class StartPace {
  /** Starts that wait; no more than those admitted, which the limit of running commands bounds. */
  readonly #waiting: (() => void)[] = []
  #taken = false

  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves when it is the caller's turn; undefined if that is now. */
  turn(): Promise<void> | undefined {
    if (this.#taken) return new Promise((resolve) => this.#waiting.push(resolve))
    this.#taken = true
    setImmediate(this.#next)
    return undefined
  }

  readonly #next = (): void => {
    const wake = this.#waiting.shift()
    this.#taken = wake !== undefined
    if (wake === undefined) return
    setImmediate(this.#next)
    wake()
  }
}
