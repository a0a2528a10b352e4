// Newline-delimited messages out of a stream of bytes (MCP's stdio transport). A line that is too long is
// skipped and told, so that memory stays bounded. Pure.

const LINE_FEED = 10

export type Line = { readonly text: string } | { readonly tooLong: true }

export class LineSplitter {
  readonly #longest: number
  #parts: Uint8Array[] = []
  #length = 0
  #skipping = false

  /** `longest`: bytes of a line. */
  constructor(longest: number) {
    this.#longest = longest
  }

  *push(chunk: Uint8Array): Generator<Line> {
    let rest = chunk
    for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
      this.#keep(rest.subarray(0, end))
      yield* this.#line()
      rest = rest.subarray(end + 1)
    }
    this.#keep(rest)
  }

  /** What came after the last line feed. */
  *end(): Generator<Line> {
    yield* this.#line()
  }

  #keep(part: Uint8Array): void {
    this.#length += part.byteLength
    if (this.#length > this.#longest) this.#skipping = true
    if (this.#skipping) this.#parts = []
    else if (part.byteLength > 0) this.#parts.push(part)
  }

  *#line(): Generator<Line> {
    const [text, skipped] = [Buffer.concat(this.#parts).toString('utf8').trim(), this.#skipping]
    this.#parts = []
    this.#length = 0
    this.#skipping = false
    if (skipped) yield { tooLong: true }
    else if (text !== '') yield { text }
  }
}
