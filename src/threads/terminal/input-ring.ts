// The input that waits to be typed into one terminal: at most 1 MiB, in memory that two threads share, behind the ring
// of the output. The main thread puts bytes behind each other; the reader thread writes as many as the kernel takes in
// one call. So a piece costs its bytes alone: no object, no message, no system call.

import { HEADER_BYTES, INPUT_BYTES, INPUT_OFFSET, SENT, WRITTEN } from './layout.ts'

export class InputRing {
  readonly bytes: Uint8Array
  readonly #wide: BigInt64Array

  constructor(shared: SharedArrayBuffer) {
    this.bytes = new Uint8Array(shared, INPUT_OFFSET, INPUT_BYTES)
    this.#wide = new BigInt64Array(shared, 0, HEADER_BYTES / 8)
  }

  /** Bytes that the terminal has not taken yet. */
  get waiting(): number {
    return this.#load(SENT) - this.#load(WRITTEN)
  }

  /** Main thread: copies bytes in; `waiting` has told that there is room for them. */
  put(bytes: Uint8Array): void {
    const sent = this.#load(SENT)
    const start = sent % INPUT_BYTES
    const first = Math.min(bytes.byteLength, INPUT_BYTES - start)
    this.bytes.set(bytes.subarray(0, first), start)
    this.bytes.set(bytes.subarray(first), 0)
    this.#store(SENT, sent + bytes.byteLength)
  }

  /** Reader: returns where the next bytes are and how many lie in one piece. */
  next(): { readonly position: number; readonly count: number } {
    const position = this.#load(WRITTEN) % INPUT_BYTES
    return { position, count: Math.min(this.waiting, INPUT_BYTES - position) }
  }

  /** Reader: notes that the terminal has taken that many. */
  wrote(count: number): void {
    this.#store(WRITTEN, this.#load(WRITTEN) + count)
  }

  #load(cell: number): number {
    return Number(Atomics.load(this.#wide, cell))
  }

  #store(cell: number, value: number): void {
    Atomics.store(this.#wide, cell, BigInt(value))
  }
}
