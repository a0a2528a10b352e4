// Makes calls into file systems that may never answer, for the start of a process: each on a thread of Node's, with a
// limit of time. A thread that stands cannot be called back, so at most four stand at once; a start that would need
// another is refused until one has come back.

import { Fault, quote } from '../../base/fault.ts'
import { waitFor, whenDone, type End } from '../../base/waiting.ts'

/** Calls at once. Node has 16 threads (config.ts); file calls take half of them at most. */
const MOST_AT_ONCE = 4
/** Time that a start waits for a file system: most mounts that answer at all have by then. */
const PATIENCE_MS = 5000
const RETRY_SECONDS = 5

export interface FarCallsOptions {
  readonly patienceMs?: number | undefined
}

/** A call to wait for, and its deadline. */
interface FarWait extends Deadline {
  /** Name for people: `working directory "/srv/data"`. */
  readonly what: string
  readonly mount: string
}

/** Time by performance.now() at which the wait ends. */
interface Deadline {
  readonly deadline: number
}

export class FarCalls {
  readonly patienceMs: number
  /** Callers that wait for a thread; no more than the starts admitted, which their limits bound. */
  readonly #waiting: (() => void)[] = []
  #busy = 0
  /** Calls that have not come back although their callers have left. */
  #stuck = 0

  constructor({ patienceMs = PATIENCE_MS }: FarCallsOptions = {}) {
    this.patienceMs = patienceMs
  }

  /** Returns the deadline of a call that begins now. */
  limit(): Deadline {
    return { deadline: performance.now() + this.patienceMs }
  }

  /**
   * Resolves with the value of `call`. Throws `timeout` at the deadline; `late` then gets the value when the call comes
   * back.
   */
  async make<T>(wait: FarWait, call: () => Promise<T>, late?: (value: T) => void): Promise<T> {
    await this.#place(wait)
    const running = call()
    let left = false
    void running.then(
      (value) => this.#back(left, () => late?.(value)),
      () => this.#back(left),
    )
    const ms = Math.max(0, wait.deadline - performance.now())
    if ((await whenDone(running, undefined, ms)) !== 'late') return await running
    left = true
    this.#stuck++
    throw this.#timeout(wait)
  }

  #back(left: boolean, then?: () => void): void {
    this.#busy--
    if (left) this.#stuck--
    this.#waiting.shift()?.()
    if (left) then?.()
  }

  async #place(wait: FarWait): Promise<void> {
    while (this.#busy >= MOST_AT_ONCE) {
      const left = wait.deadline - performance.now()
      if (this.#stuck >= MOST_AT_ONCE || left <= 0) throw this.#crowded(wait)
      await waitFor((end: End<'free'>) => this.#enqueue(() => end('free')), undefined, left)
    }
    this.#busy++
  }

  /** Returns a function that takes it out of the queue again. */
  #enqueue(wake: () => void): () => void {
    this.#waiting.push(wake)
    return () => {
      const at = this.#waiting.indexOf(wake)
      if (at !== -1) this.#waiting.splice(at, 1)
    }
  }

  #timeout({ what, mount }: FarWait): Fault {
    const seconds = this.patienceMs / 1000
    const sentence = `${what}: the file system mounted at ${quote(mount)} did not answer within ${seconds} s; nothing was started`
    return new Fault('timeout', sentence, { details: { mount, limit_seconds: seconds } })
  }

  #crowded({ what, mount }: FarWait): Fault {
    const sentence =
      `${what} is on the file system mounted at ${quote(mount)}, ` +
      `and ${MOST_AT_ONCE} starts already wait for file systems that do not answer`
    return new Fault('unavailable', sentence, { details: { mount, limit: MOST_AT_ONCE }, retryAfter: RETRY_SECONDS })
  }
}
