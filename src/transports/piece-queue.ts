// Chunks of a body that wait for their reader. A client may send its bytes one by one; such chunks are joined as they
// arrive, so that the queue's length is bounded by its bytes.

/** Bytes below which a chunk is joined with its neighbours. */
const TINY_BYTES = 4 * 1024
const JOINED_BYTES = 16 * 1024

export class PieceQueue {
  readonly #pieces: Buffer[] = []
  /** Buffer with room behind the last piece, if that is a joined one. */
  #joined: Buffer | undefined
  #used = 0

  add(chunk: Buffer): void {
    const { byteLength } = chunk
    if (byteLength >= TINY_BYTES || this.#pieces.length === 0) {
      this.#joined = undefined
      this.#pieces.push(chunk)
      return
    }
    if (this.#joined === undefined || this.#used + byteLength > JOINED_BYTES) {
      this.#joined = Buffer.allocUnsafeSlow(JOINED_BYTES)
      this.#used = 0
      this.#pieces.push(this.#joined)
    }
    chunk.copy(this.#joined, this.#used)
    this.#used += byteLength
    this.#pieces[this.#pieces.length - 1] = this.#joined.subarray(0, this.#used)
  }

  /** Takes the oldest; undefined if none waits. */
  take(): Buffer | undefined {
    const piece = this.#pieces.shift()
    if (this.#pieces.length === 0) this.#joined = undefined
    return piece
  }
}
