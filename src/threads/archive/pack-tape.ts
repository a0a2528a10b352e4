// The archive as a sequence of bytes: what is put on the tape goes into the block at hand, and each time that
// is full the tape yields, its owner takes the block and brings an empty one. Content of files is read
// straight into it.

import { readSync } from 'node:fs'

export class Tape {
  #block: Uint8Array
  #at = 0

  constructor(block: Uint8Array) {
    this.#block = block
  }

  /** What is on the block at hand. */
  get written(): Uint8Array {
    return this.#block.subarray(0, this.#at)
  }

  /** Goes on in another block. */
  continue(block: Uint8Array): void {
    this.#block = block
    this.#at = 0
  }

  *put(bytes: Uint8Array): Generator<void, void> {
    for (let from = 0; from < bytes.length;) {
      const room = yield* this.#room()
      const piece = bytes.subarray(from, from + room)
      this.#block.set(piece, this.#at)
      this.#at += piece.length
      from += piece.length
    }
  }

  *zeros(count: number): Generator<void, void> {
    for (let left = count; left > 0;) {
      const length = Math.min(left, yield* this.#room())
      this.#block.fill(0, this.#at, this.#at + length)
      this.#at += length
      left -= length
    }
  }

  /** The next `count` bytes of an open file; returns how many there were. */
  *read(fd: number, count: number): Generator<void, number> {
    for (let left = count; left > 0;) {
      const room = yield* this.#room()
      const length = readSync(fd, this.#block, this.#at, Math.min(left, room), null)
      if (length === 0) return count - left
      this.#at += length
      left -= length
    }
    return count
  }

  *#room(): Generator<void, number> {
    if (this.#at === this.#block.length) yield
    return this.#block.length - this.#at
  }
}
