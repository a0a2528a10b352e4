// What a walk has rendered and nobody has taken yet. The walk goes on until a batch is full or its turn is
// over; then the text leaves as one array of UTF-8.

/** Characters at which a batch is full. Larger ones gain nothing measurable, smaller ones cost messages. */
const BATCH = 128 * 1024

export class Output {
  #text = ''
  readonly #encoder = new TextEncoder()

  /** Appends a piece of JSON text. */
  put(text: string): void {
    this.#text += text
  }

  get full(): boolean {
    return this.#text.length >= BATCH
  }

  /** Everything put since the last take, in memory of its own: it is transferred to another thread. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#encoder.encode(this.#text)
    this.#text = ''
    return bytes
  }
}
