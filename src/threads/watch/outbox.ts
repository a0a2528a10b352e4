// What a watcher has to say and the main thread has not yet acknowledged. It is bounded: while it is full
// nothing more is read from the kernel (W-07).

import type { Told } from './watch-job.ts'

/** Together with windows.ts and the main thread's queue at most 10,000 changes or 4 MiB (W-07). */
export const OUTBOX_ITEMS = 4000
export const OUTBOX_BYTES = 1536 * 1024

export class Outbox {
  #items: Told[] = []
  #bytes = 0
  #sentItems = 0
  #sentBytes = 0

  put(item: Told): void {
    this.#items.push(item)
    this.#bytes += bytesOf(item)
  }

  get full(): boolean {
    return this.#items.length + this.#sentItems >= OUTBOX_ITEMS || this.#bytes + this.#sentBytes >= OUTBOX_BYTES
  }

  /** How many more items it takes. */
  get room(): number {
    return this.full ? 0 : OUTBOX_ITEMS - this.#items.length - this.#sentItems
  }

  /** Everything not sent yet; undefined where there is nothing. */
  send(): { items: Told[]; bytes: number } | undefined {
    if (this.#items.length === 0) return undefined
    const batch = { items: this.#items, bytes: this.#bytes }
    this.#sentItems += batch.items.length
    this.#sentBytes += batch.bytes
    this.#items = []
    this.#bytes = 0
    return batch
  }

  taken(count: number, bytes: number): void {
    this.#sentItems -= count
    this.#sentBytes -= bytes
  }
}

/** A notice counts as a short change. */
function bytesOf(item: Told): number {
  return typeof item === 'string' ? Buffer.byteLength(item) : 100
}
