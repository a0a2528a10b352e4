// The part of one stream of a task that is kept (protocol.md#exec-output): its tail (256 KiB, 8 MiB with keep_logs)
// and, while a caller waits for the whole reply, its head (16 MiB). Both hold views of the same Buffers. Small pieces
// are gathered in slabs, so that a program writing byte by byte costs bytes, not objects. A budget that all tasks share
// pays for everything above TAIL_BYTES.

import { losses } from '../../base/tally.ts'

export type StreamName = 'stdout' | 'stderr'

export const TAIL_BYTES = 256 * 1024
export const KEPT_TAIL_BYTES = 8 * 1024 * 1024
export const HEAD_BYTES = 16 * 1024 * 1024

/** Most pieces of a tail, of any size: bounds what their bookkeeping takes (about 2 MiB). */
const TAIL_PIECES = 16_384
/** Size below which a piece is copied into a slab. */
const SMALL_BYTES = 4096
const SLAB_BYTES = 16 * 1024

/** Bytes that heads and long tails may take together, over all tasks. Beyond it they are cut and flagged. */
export class OutputBudget {
  readonly limit: number
  #taken = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get taken(): number {
    return this.#taken
  }

  /** Takes up to `bytes` and returns how many it got. */
  take(bytes: number): number {
    const granted = Math.max(0, Math.min(bytes, this.limit - this.#taken))
    this.#taken += granted
    return granted
  }

  give(bytes: number): void {
    this.#taken -= bytes
  }
}

/** Copies small pieces behind one another, so that neighbours can be joined without copying again. */
export class Slabs {
  #slab = Buffer.alloc(0)
  #used = 0

  /** Returns `bytes` itself, or a copy of it that follows the last one in memory. */
  place(bytes: Buffer): Buffer {
    if (bytes.byteLength >= SMALL_BYTES) return bytes
    if (this.#used + bytes.byteLength > this.#slab.byteLength) {
      // Grows with the output: the many tasks that print a word hold a few hundred bytes each.
      const size = Math.min(SLAB_BYTES, Math.max(256, this.#slab.byteLength * 4))
      this.#slab = Buffer.allocUnsafeSlow(Math.max(size, bytes.byteLength))
      this.#used = 0
    }
    bytes.copy(this.#slab, this.#used)
    const placed = this.#slab.subarray(this.#used, this.#used + bytes.byteLength)
    this.#used += bytes.byteLength
    return placed
  }
}

/** Returns both as one view, if the second follows the first in memory. */
function adjoined(first: Buffer, second: Buffer): Buffer | undefined {
  const end = first.byteOffset + first.byteLength
  if (first.buffer !== second.buffer || end !== second.byteOffset) return undefined
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength + second.byteLength)
}

/** A part of a stream: its pieces in order, and how much of the whole it is. */
export interface Excerpt {
  readonly pieces: readonly Buffer[]
  readonly bytes: number
  /** Bytes of the whole stream. */
  readonly total: number
}

/** Keeps the first `limit` bytes. */
export class Head {
  readonly #limit: number
  readonly #budget: OutputBudget
  #pieces: Buffer[] = []
  #bytes = 0
  #full = false

  constructor(limit: number, budget: OutputBudget) {
    this.#limit = limit
    this.#budget = budget
  }

  /** Returns true if it keeps some of the piece. */
  append(piece: Buffer): boolean {
    if (this.#full) return false
    const granted = this.#budget.take(Math.min(piece.byteLength, this.#limit - this.#bytes))
    this.#full = granted < piece.byteLength
    if (this.#full) losses.execTruncations++
    if (granted === 0) return false
    const kept = piece.subarray(0, granted)
    const last = this.#pieces.at(-1)
    const joined = last === undefined ? undefined : adjoined(last, kept)
    if (joined === undefined) this.#pieces.push(kept)
    else this.#pieces[this.#pieces.length - 1] = joined
    this.#bytes += granted
    return true
  }

  excerpt(total: number): Excerpt {
    return { pieces: this.#pieces, bytes: this.#bytes, total }
  }

  release(): void {
    this.#budget.give(this.#bytes)
    this.#pieces = []
    this.#bytes = 0
    this.#full = true
  }
}

export interface TailPiece {
  /** Place in the order of both streams. */
  readonly order: number
  readonly bytes: Buffer
  /** The memory behind it, if only this piece lies in it. */
  readonly own: ArrayBuffer | undefined
}

function ownMemory({ buffer, byteLength }: Buffer): ArrayBuffer | undefined {
  return byteLength === buffer.byteLength && byteLength >= SMALL_BYTES && buffer instanceof ArrayBuffer
    ? buffer
    : undefined
}

/** Keeps the last `limit` bytes: fewer if the shared budget is used up, but never fewer than TAIL_BYTES. */
export class Tail {
  readonly #limit: number
  readonly #budget: OutputBudget
  readonly #drop: (piece: TailPiece) => void
  #pieces: TailPiece[] = []
  #first = 0
  #bytes = 0
  #paid = 0

  /** `drop` is called with each piece that has left for good. */
  constructor(limit: number, budget: OutputBudget, drop: (piece: TailPiece) => void) {
    this.#limit = limit
    this.#budget = budget
    this.#drop = drop
  }

  get bytes(): number {
    return this.#bytes
  }

  /** `follows`: no piece of the other stream came between this one and the last. */
  append(order: number, piece: Buffer, follows: boolean): void {
    const last = this.#pieces.at(-1)
    const joined = last === undefined || !follows ? undefined : adjoined(last.bytes, piece)
    if (last === undefined || joined === undefined) this.#pieces.push({ order, bytes: piece, own: ownMemory(piece) })
    else this.#pieces[this.#pieces.length - 1] = { order: last.order, bytes: joined, own: undefined }
    this.#bytes += piece.byteLength
    this.#trim()
  }

  pieces(): TailPiece[] {
    return this.#pieces.slice(this.#first)
  }

  excerpt(total: number): Excerpt {
    return { pieces: this.pieces().map((piece) => piece.bytes), bytes: this.#bytes, total }
  }

  release(): void {
    this.#budget.give(this.#paid)
    this.#pieces = []
    this.#first = this.#bytes = this.#paid = 0
  }

  #trim(): void {
    const wanted = Math.min(this.#bytes, this.#limit) - TAIL_BYTES
    if (wanted > this.#paid) this.#paid += this.#budget.take(wanted - this.#paid)
    const bound = TAIL_BYTES + this.#paid
    while (this.#bytes > bound || this.#pieces.length - this.#first > TAIL_PIECES) {
      const oldest = this.#pieces[this.#first]
      if (oldest === undefined) break
      const excess = this.#bytes - bound
      if (excess > 0 && excess < oldest.bytes.byteLength) {
        this.#pieces[this.#first] = { ...oldest, bytes: oldest.bytes.subarray(excess) }
        this.#bytes -= excess
      } else {
        this.#bytes -= oldest.bytes.byteLength
        this.#first++
        this.#drop(oldest)
      }
    }
    if (this.#first > 64 && this.#first * 2 > this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#first)
      this.#first = 0
    }
  }
}
