// One client's place in the output of one terminal: where it reads next, and up to where its bytes have left
// the daemon. Replay and live output are one read, so there is no seam between them (design, "PTY"). What has
// been read but not left holds the terminal back; closing the place releases it at once (reliability P-04).

import type { Excerpt } from '../../threads/terminal-ring.ts'

export interface Range {
  readonly from: number
  readonly to: number
}

/** What an attachment belongs to. */
export interface Attached {
  readonly head: number
  /** Every byte the terminal will ever write is there. */
  readonly complete: boolean
  copy(from: number, to: number): Excerpt
  /** The attachment's `left` has moved. */
  moved(): void
  detach(attachment: Attachment): void
}

export interface AttachmentStart {
  /** Where reading begins. */
  readonly from: number
  /** The bytes that were there already: shown again rather than live. */
  readonly replay: Range
  /** Bytes that were asked for and are gone. */
  readonly gap: Range | undefined
  /** Called when there may be more to read, and when the terminal is complete. */
  readonly ready: () => void
}

export class Attachment implements Disposable {
  readonly replay: Range
  readonly gap: Range | undefined
  readonly #output: Attached
  readonly #ready: () => void
  #position: number
  #left: number
  #open = true

  constructor(output: Attached, start: AttachmentStart) {
    this.replay = start.replay
    this.gap = start.gap
    this.#output = output
    this.#ready = start.ready
    this.#position = start.from
    this.#left = start.from
  }

  /** Offset of the byte that `read` returns next. */
  get position(): number {
    return this.#position
  }

  /** Everything below has left the daemon. */
  get left(): number {
    return this.#left
  }

  /** Bytes that can be read now. */
  get waiting(): number {
    return this.#open ? this.#output.head - this.#position : 0
  }

  /** Every byte has been read and there will be no more: the exit comes next. */
  get done(): boolean {
    return this.#output.complete && this.#position === this.#output.head
  }

  /** The next bytes, a copy of the caller's own; undefined where there are none now. */
  read(most: number): Excerpt | undefined {
    const count = Math.min(most, this.waiting)
    if (count <= 0) return undefined
    const excerpt = this.#output.copy(this.#position, this.#position + count)
    this.#position += count
    return excerpt
  }

  /** Bytes up to `offset` have left, or have been consumed where the client says so. Never moves back. */
  ack(offset: number): void {
    const left = Math.min(offset, this.#position)
    if (!this.#open || !(left > this.#left)) return
    this.#left = left
    this.#output.moved()
  }

  /** For the output alone. */
  notify(): void {
    this.#ready()
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    this.#output.detach(this)
  }
}
