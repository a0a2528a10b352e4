// Newline-delimited messages out of a stream of bytes (MCP's stdio transport). A line that is too long is
// skipped and told with the id of its message, so that memory stays bounded and its sender gets an answer. Pure.

import type { RequestId } from '../transports/mcp/json-rpc.ts'
import { TopLevelId } from './top-level-id.ts'

const LINE_FEED = 10

export type Line = { readonly text: string } | { readonly tooLong: true; readonly id: RequestId | undefined }

export class LineSplitter {
  readonly #longest: number
  #parts: Uint8Array[] = []
  #length = 0
  /** Of a line that is being skipped. */
  #skipping: TopLevelId | undefined

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
    if (this.#length > this.#longest && this.#skipping === undefined) {
      this.#skipping = new TopLevelId()
      for (const kept of this.#parts) this.#skipping.push(kept)
      this.#parts = []
    }
    if (this.#skipping !== undefined) this.#skipping.push(part)
    else if (part.byteLength > 0) this.#parts.push(part)
  }

  *#line(): Generator<Line> {
    const [text, skipped] = [Buffer.concat(this.#parts).toString('utf8').trim(), this.#skipping]
    this.#parts = []
    this.#length = 0
    this.#skipping = undefined
    if (skipped !== undefined) yield { tooLong: true, id: skipped.id }
    else if (text !== '') yield { text }
  }
}
