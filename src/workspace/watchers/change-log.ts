// The last changes of one watcher, for callers who poll: at most 10,000 and 4 MiB (protocol.md#watchers), addressed by
// number. What has gone from it is answered with a resync, never left out.

import { Waiters } from '../../base/waiting.ts'

export const KEPT_CHANGES = 10_000
export const KEPT_BYTES = 4 * 1024 * 1024
/** Of one answer, so that it fits into one message of MCP with its cursor; the rest comes with the next. */
const BYTES_AT_ONCE = 256 * 1024

export class ChangeLog {
  #texts: string[] = []
  /** Index in #texts of the oldest that is kept; those before it wait to be cut off together. */
  #start = 0
  #bytes = 0
  /** Number of the change that comes next. */
  #next = 0
  readonly #waiting = new Waiters()

  /** `json` is a change as JSON. */
  append(json: string): void {
    this.#texts.push(json)
    this.#bytes += Buffer.byteLength(json)
    this.#next++
    while (this.#texts.length - this.#start > KEPT_CHANGES || this.#bytes > KEPT_BYTES) {
      this.#bytes -= Buffer.byteLength(this.#texts[this.#start] ?? '')
      this.#start++
    }
    if (this.#start <= KEPT_CHANGES) return
    this.#texts = this.#texts.slice(this.#start)
    this.#start = 0
  }

  get next(): number {
    return this.#next
  }

  /** Number of the oldest change that is kept. */
  get first(): number {
    return this.#next - (this.#texts.length - this.#start)
  }

  /** At most `count` changes from number `from`, which must be kept; no more than BYTES_AT_ONCE, but at least one. */
  from(from: number, count: number): readonly string[] {
    const at = this.#start + from - this.first
    let bytes = 0
    const texts = this.#texts.slice(at, at + count)
    const over = texts.findIndex((text, i) => (bytes += Buffer.byteLength(text)) > BYTES_AT_ONCE && i > 0)
    return over === -1 ? texts : texts.slice(0, over)
  }

  /** Those who wait look again. */
  wake(): void {
    this.#waiting.wake()
  }

  /** Until somebody calls `wake`, the time is up or the signal aborts. */
  async grown(ms: number, signal: AbortSignal): Promise<void> {
    await this.#waiting.next(signal, ms)
  }
}
