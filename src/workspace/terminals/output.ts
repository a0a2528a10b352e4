// What a terminal has written, for everybody who looks at it: clients that follow it, calls that read once or
// wait for more. It sets the reader's limit: at most 256 KiB beyond the slowest client, none without clients
// (contract 17). A complete output shrinks to what can still be asked for.

import { AHEAD_BYTES, NO_LIMIT, TerminalRing, type Excerpt, type History } from '../../threads/terminal-ring.ts'
import { Attachment, type Attached, type Range } from './attachment.ts'

/** What a complete output keeps: contract 18's 256 KiB. */
const KEPT_BYTES = 256 * 1024
/** A copy that was overtaken by a flood is made again this often, then what is left of it will do. */
const COPIES = 3

export class TerminalOutput implements Attached {
  readonly #wake: () => void
  readonly #attachments = new Set<Attachment>()
  readonly #waiters = new Set<() => void>()
  #history: TerminalRing | Remains = new TerminalRing()
  /** History before it was cleared away. */
  #floor = 0
  #complete = false

  /** `wake` makes the reader look at the limit again. */
  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** For the reader, while there is something to be read. */
  get ring(): TerminalRing {
    if (this.#history instanceof TerminalRing) return this.#history
    throw new Error('a complete output has no ring')
  }

  /** Bytes ever written. */
  get head(): number {
    return this.#history.head
  }

  get complete(): boolean {
    return this.#complete
  }

  get attached(): number {
    return this.#attachments.size
  }

  /** Offset of the first byte that can be asked for. */
  get oldest(): number {
    return Math.max(this.#floor, this.#history.oldest)
  }

  copy(from: number, to: number): Excerpt {
    return this.#history.copy(from, to)
  }

  /** The last bytes, at most `most`. */
  tail(most: number): Excerpt {
    for (let left = COPIES; ; left--) {
      const { head } = this
      const from = Math.max(this.oldest, head - most)
      const excerpt = this.copy(from, head)
      if (excerpt.offset === from || left === 1) return excerpt
    }
  }

  /** Bytes from an offset on, at most `most`; begins later where they are gone. */
  range(from: number, most: number): Excerpt {
    for (let left = COPIES; ; left--) {
      const { head } = this
      const start = Math.min(Math.max(from, this.oldest), head)
      const excerpt = this.copy(start, Math.min(head, start + most))
      if (excerpt.offset === start || left === 1) return excerpt
    }
  }

  /**
   * Begins `back` bytes before the end, or at `since` where that is given and an offset there ever was. What
   * is below the ring is reported as a gap.
   */
  attach(back: number, since: number | undefined, ready: () => void): Attachment {
    // The reader is stopped while the start is chosen, or a flood might overwrite it meanwhile.
    this.#limit(Math.min(this.head, this.#lowest()))
    const { head, oldest } = this
    const known = since !== undefined && since <= head ? since : undefined
    const from = Math.max(known ?? head - back, oldest)
    const gap: Range | undefined = known === undefined || known >= from ? undefined : { from: known, to: from }
    const attachment = new Attachment(this, { from, replay: { from, to: head }, gap, ready })
    this.#attachments.add(attachment)
    this.moved()
    return attachment
  }

  detach(attachment: Attachment): void {
    this.#attachments.delete(attachment)
    this.moved()
    this.#shrink()
  }

  moved(): void {
    this.#limit(this.#lowest())
  }

  /** Resolves once there is a byte at `offset`, the output is complete, or `signal` aborts. */
  async until(offset: number, signal: AbortSignal): Promise<void> {
    while (this.head <= offset && !this.#complete && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiters.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      await promise
      this.#waiters.delete(resolve)
    }
  }

  /** What has been written so far is not shown any more; clients that follow still get theirs. */
  clear(): void {
    this.#floor = this.head
  }

  /** The reader has appended. */
  grown(): void {
    for (const attachment of this.#attachments) attachment.notify()
    for (const wake of this.#waiters) wake()
  }

  /** The reader has appended the last. */
  finish(): void {
    this.#complete = true
    this.grown()
    this.#shrink()
  }

  #lowest(): number {
    let lowest = NO_LIMIT
    for (const { left } of this.#attachments) lowest = Math.min(lowest, left + AHEAD_BYTES)
    return lowest
  }

  #limit(offset: number): void {
    if (!this.#complete && this.ring.setLimit(offset)) this.#wake()
  }

  #shrink(): void {
    if (!this.#complete || this.#attachments.size > 0 || this.#history instanceof Remains) return
    this.#history = new Remains(this.tail(KEPT_BYTES))
  }
}

/** The end of an output that is complete. */
class Remains implements History {
  readonly head: number
  readonly oldest: number
  readonly #bytes: Buffer

  constructor({ offset, bytes }: Excerpt) {
    this.oldest = offset
    this.head = offset + bytes.byteLength
    this.#bytes = bytes
  }

  copy(from: number, to: number): Excerpt {
    return { offset: from, bytes: Buffer.from(this.#bytes.subarray(from - this.oldest, to - this.oldest)) }
  }
}
