// The ring: the last bytes of one terminal's output, addressed by their absolute offset in all that it ever wrote, in
// memory that two threads share. The reader thread appends. The main thread copies out, and sets how far the reader may
// go: reading pauses while an attached client is too far behind. Offsets are exact up to 2^53.

import {
  HEAD,
  HEADER_BYTES,
  LIMIT,
  RESTING,
  RING_BYTES,
  SENT,
  SHARED_BYTES,
  SLICE_BYTES,
  WINDOW,
  WRITTEN,
} from './layout.ts'

/** Most bytes that the reader adds between two looks at the limit: they may be in the writing at any moment. */
export const STEP_BYTES = 64 * 1024
/** Bytes that the reader goes ahead of the slowest client (protocol.md#frames). */
export const AHEAD_BYTES = 256 * 1024
/** Room that a reader at its limit waits for: less would wake it for every frame. */
const RESUME_BYTES = 64 * 1024
/** Room beyond the limit once the program has ended: more than the kernel holds for one terminal (some 20 KiB). */
const LAST_BYTES = 128 * 1024
/** Limit without clients: none. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER

export interface RingPart {
  /** Offset of the first byte. */
  readonly offset: number
  readonly bytes: Buffer
}

/** Output that can be looked back on: the ring itself, or what is left of it when its terminal has ended. */
export interface History {
  readonly head: number
  /** Offset of the first byte that can certainly still be copied. */
  readonly oldest: number
  /** Copies these bytes; begins later if the first of them have been overwritten meanwhile. */
  copy(from: number, to: number): RingPart
  /**
   * Returns the bytes from an offset on where they lie, as far as they lie in one piece. While the reader is stopped,
   * the slice before `oldest` can be read too.
   */
  view(from: number, most: number): Uint8Array
}

export class TerminalRing implements History {
  readonly shared: SharedArrayBuffer
  readonly bytes: Uint8Array
  readonly #wide: BigInt64Array
  readonly #cells: Int32Array

  constructor(shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(SHARED_BYTES)
    this.bytes = new Uint8Array(this.shared, HEADER_BYTES, RING_BYTES)
    this.#wide = new BigInt64Array(this.shared, 0, HEADER_BYTES / 8)
    this.#cells = new Int32Array(this.shared, 0, HEADER_BYTES / 4)
    if (shared === undefined) this.#store(LIMIT, NO_LIMIT)
  }

  /** Empties it for another terminal; no other thread may be using it. */
  reset(): void {
    for (const cell of [HEAD, WRITTEN, SENT]) this.#store(cell, 0)
    this.#store(LIMIT, NO_LIMIT)
    Atomics.store(this.#cells, RESTING, 0)
  }

  get head(): number {
    return this.#load(HEAD)
  }

  get oldest(): number {
    return Math.max(0, this.head + STEP_BYTES + SLICE_BYTES - RING_BYTES)
  }

  copy(from: number, to: number): RingPart {
    const bytes = Buffer.allocUnsafeSlow(to - from)
    const start = from % RING_BYTES
    const first = Math.min(bytes.byteLength, RING_BYTES - start)
    bytes.set(this.bytes.subarray(start, start + first))
    bytes.set(this.bytes.subarray(0, bytes.byteLength - first), first)
    const lost = Math.min(Math.max(0, this.oldest - from), bytes.byteLength)
    return { offset: from + lost, bytes: bytes.subarray(lost) }
  }

  view(from: number, most: number): Uint8Array {
    const start = from % RING_BYTES
    return this.bytes.subarray(start, start + Math.min(most, this.head - from, RING_BYTES - start))
  }

  /** Columns and rows. */
  get window(): { readonly cols: number; readonly rows: number } {
    const both = Atomics.load(this.#cells, WINDOW)
    return { cols: both >>> 16, rows: both & 0xffff }
  }

  /** Main thread. */
  setWindow(cols: number, rows: number): void {
    Atomics.store(this.#cells, WINDOW, (cols << 16) | rows)
  }

  /** Main thread: sets the offset at which the reader stops. True if it rests and has to be woken to go on. */
  setLimit(offset: number): boolean {
    this.#store(LIMIT, offset)
    return offset - this.head >= RESUME_BYTES && Atomics.exchange(this.#cells, RESTING, 0) === 1
  }

  /** Reader: returns where, and how many, bytes may be appended in one piece. `ended`: the program has ended. */
  room(ended: boolean): { readonly position: number; readonly count: number } {
    const head = this.head
    const position = head % RING_BYTES
    const left = this.#load(LIMIT) + (ended ? LAST_BYTES : 0) - head
    return { position, count: Math.max(0, Math.min(left, RING_BYTES - position, STEP_BYTES)) }
  }

  /** Reader: notes that so many bytes have been put where `room` said. */
  appended(count: number): void {
    this.#store(HEAD, this.head + count)
  }

  /** Reader: returns true if it has to wait for `setLimit`. */
  rests(ended: boolean): boolean {
    if (ended) return this.room(true).count === 0
    const resting = Atomics.load(this.#cells, RESTING) === 1
    if (!resting && this.room(false).count > 0) return false
    // Set first, then the limit is read again: a limit that is raised meanwhile is seen by one side or the other.
    Atomics.store(this.#cells, RESTING, 1)
    if (this.#load(LIMIT) - this.head < RESUME_BYTES) return true
    Atomics.store(this.#cells, RESTING, 0)
    return false
  }

  #load(cell: number): number {
    return Number(Atomics.load(this.#wide, cell))
  }

  #store(cell: number, value: number): void {
    Atomics.store(this.#wide, cell, BigInt(value))
  }
}
