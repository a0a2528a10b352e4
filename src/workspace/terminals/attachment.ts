// One client's place in the output of one terminal. Replay and live output are one read, so there is no seam
// between them (design, "PTY"). While a place is far behind, the terminal is not read; closing the place
// releases it at once (P-04). Whoever reads, reads what it can send.

/** What an attachment belongs to. */
export interface Attached {
  readonly head: number
  /** Set once every byte the terminal will ever write is there. */
  readonly exitCode: number | undefined
  /** Offset of the first byte there still is. */
  readonly oldest: number
  view(from: number, most: number): Uint8Array
  prelude(offset: number): Buffer
  /** An attachment's position has moved. */
  moved(): void
  detach(attachment: Attachment): void
}

/** Bytes of the output from an offset on. */
export interface Passage {
  /** Of the first byte. */
  readonly offset: number
  readonly bytes: Uint8Array
  /** How many bytes between the offset asked for and the first returned are gone. */
  readonly gap: number
}

export class Attachment implements Disposable {
  readonly #output: Attached
  readonly #wake: () => void
  #position: number
  #open = true

  /** `wake` is called when there may be more to read, and at the end. */
  constructor(output: Attached, position: number, wake: () => void) {
    this.#output = output
    this.#wake = wake
    this.#position = position
  }

  /** Offset of the byte that `read` returns next. */
  get position(): number {
    return this.#position
  }

  /** Offset behind the newest byte. */
  get end(): number {
    return this.#output.head
  }

  /** Known once the terminal has ended and its last byte can be read. */
  get exitCode(): number | undefined {
    return this.#output.exitCode
  }

  /**
   * The next bytes, in one piece of at most `most`; undefined where there are none now. They lie where the
   * terminal writes, and are the caller's until its turn of the loop ends.
   */
  read(most: number): Passage | undefined {
    if (!this.#open) return undefined
    const offset = Math.max(this.#position, this.#output.oldest)
    const bytes = this.#output.view(offset, most)
    if (bytes.byteLength === 0) return undefined
    const gap = offset - this.#position
    this.#position = offset + bytes.byteLength
    this.#output.moved()
    return { offset, bytes, gap }
  }

  /** Brings a fresh terminal into the state before the byte at `offset`, which is there still; cells left out. */
  prelude(offset: number): Buffer {
    return this.#output.prelude(offset)
  }

  /** For the output alone. */
  notify(): void {
    this.#wake()
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    this.#output.detach(this)
  }
}
