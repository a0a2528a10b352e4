// Health conditions: present troubles of the daemon or its surroundings, each under a name. A room declares the kind
// beside the code that notices the trouble, and calls `set(KIND, 'message')` and `clear(KIND)`; or it gives a look,
// which runs when a client reads the list, so that a daemon at rest does nothing. The log, GET /health/detail and
// `doctor` tell a condition in the same words. There are never more conditions than kinds, and a kind is declared in
// the source: if several things share one trouble, the message names the first of them.

import type { Log } from './log.ts'

export interface ConditionKind {
  /** Name of the condition; in the log, the name of the event. */
  readonly id: string
  /** `error`: something that clients rely on does not work; `warning`: it works with less. */
  readonly severity: 'warning' | 'error'
  /** Advice for the operator. */
  readonly todo: string
}

export interface Condition extends ConditionKind {
  /** Time at which the daemon noticed it, in ISO 8601; a trouble that a look finds may be older. */
  readonly since: string
  /** One sentence of at most 500 characters. */
  readonly message: string
}

/** Returns the message while the trouble lasts, undefined once it is over. */
export type Look = () => string | undefined | Promise<string | undefined>

/** Kinds of one daemon; the source has about ten. More is a defect: kinds made at run time. */
const MOST_KINDS = 64
const MOST_CHARACTERS = 500
/** Milliseconds that a reader waits for a look; a slower one changes the list later. A file system may not answer. */
const PATIENCE_MS = 1000

export class Conditions {
  readonly #log: Log
  readonly #now = new Map<string, Condition>()
  /** Looks by id; a reader joins those that are running. */
  readonly #looks = new Map<string, () => Promise<void>>()

  constructor(log: Log) {
    this.#log = log
  }

  /** Begins or renews a condition; each call is logged. */
  set(kind: ConditionKind, message: string): void {
    if (!this.#now.has(kind.id) && this.#now.size >= MOST_KINDS)
      throw new RangeError(`${MOST_KINDS} kinds of conditions`)
    const { id, severity, todo } = kind
    const since = this.#now.get(id)?.since ?? new Date().toISOString()
    const shown = message.length > MOST_CHARACTERS ? `${message.slice(0, MOST_CHARACTERS - 1)}…` : message
    this.#now.set(id, { id, severity, since, message: shown, todo })
    this.#log[severity === 'error' ? 'error' : 'warn'](id, { reason: shown, todo })
  }

  /** Ends a condition; nothing happens if it is not set. */
  clear({ id }: ConditionKind): void {
    if (this.#now.delete(id)) this.#log.info('condition_over', { condition: id })
  }

  /** Sets or clears `kind` by what `look` returns each time the list is read. One look at a time. */
  watch(kind: ConditionKind, look: Look): void {
    let running: Promise<void> | undefined
    this.#looks.set(kind.id, () => (running ??= this.#lookOnce(kind, look).finally(() => (running = undefined))))
  }

  /** Returns the conditions now, the oldest first. Waits at most a second for the looks. */
  async list(): Promise<readonly Condition[]> {
    const looks = Promise.all([...this.#looks.values()].map((take) => take()))
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, PATIENCE_MS)
    await Promise.race([looks, late])
    clearTimeout(timer)
    return [...this.#now.values()]
  }

  async #lookOnce(kind: ConditionKind, look: Look): Promise<void> {
    try {
      const message = await look()
      if (message === undefined) this.clear(kind)
      else if (this.#now.get(kind.id)?.message !== message) this.set(kind, message)
    } catch (error) {
      // It is not known if the trouble lasts: the list stays unchanged.
      this.#log.debug('condition_not_known', { condition: kind.id, reason: String(error) })
    }
  }
}
