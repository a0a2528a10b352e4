// Buffers for output frames, used again once they are written: at 80 MB/s fresh ones would outlive the young
// generation while a client is slow, and the daemon would grow by tens of megabytes. Shared by all clients.

/** Kept for use at most: 2 MiB. Clients together may have more on the way; those are left to the collector. */
const SPARE_LIMIT = 128

export class FramePool {
  readonly #frameBytes: number
  readonly #spare: Buffer[] = []

  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes
  }

  /** A frame's buffer, whatever is in it. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#frameBytes)
  }

  /** The part of a taken buffer that was sent; nobody reads it any more. */
  give(frame: Buffer): void {
    if (frame.buffer.byteLength !== this.#frameBytes || this.#spare.length >= SPARE_LIMIT) return
    this.#spare.push(Buffer.from(frame.buffer))
  }
}
