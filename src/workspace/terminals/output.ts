// The output of a terminal, for all its readers: clients that follow it, calls that read once or wait for more. A
// terminal's byte goes pty → ring (threads/terminal-reader.ts) → here, `grown` wakes each Attachment →
// transports/socket/channel.ts reads it and sends a frame. This file sets the reader's limit: at most 256 KiB beyond
// the slowest client, none without clients (protocol.md#scrollback). A complete output shrinks to what can still be
// asked for.

import { Waiters } from '../../base/waiting.ts'
import { AHEAD_BYTES, NO_LIMIT, TerminalRing, type RingPart, type History } from '../../threads/terminal/ring.ts'
import { KeptStates, type KeptState } from '../../threads/terminal/kept-states.ts'
import type { SpareRings } from './reader.ts'
import { preludeBefore, screenBefore } from './screen-before.ts'
import type { WindowSize } from '../../native/pty.ts'

/** Bytes that a complete output keeps (protocol.md#scrollback). */
const KEPT_BYTES = 256 * 1024
/** Copies made at most when a flood overtakes them; the last is taken as far as it is whole. */
const COPIES = 3

export class TerminalOutput implements AttachedOutput {
  readonly #wake: () => void
  readonly #attachments = new Set<Attachment>()
  readonly #waiters = new Waiters()
  readonly #rings: SpareRings
  #history: TerminalRing | EndedHistory
  /** Offset before which history was cleared. */
  #floor = 0
  #exitCode: number | undefined

  #window: WindowSize

  /** `wake` makes the reader look at the limit again. */
  constructor(rings: SpareRings, window: WindowSize, wake: () => void) {
    this.#rings = rings
    this.#window = window
    this.#history = rings.take()
    this.#wake = wake
    this.resize(window)
  }

  /** Notes the window: what is printed from now on is for it. */
  resize(window: WindowSize): void {
    this.#window = window
    if (this.#history instanceof TerminalRing) this.#history.setWindow(window.cols, window.rows)
  }

  /** The ring, for the reader; throws once the output is complete. */
  get ring(): TerminalRing {
    if (this.#history instanceof TerminalRing) return this.#history
    throw new Error('a complete output has no ring')
  }

  /** Bytes ever written. */
  get head(): number {
    return this.#history.head
  }

  /** The exit code; known once every byte is there. */
  get exitCode(): number | undefined {
    return this.#exitCode
  }

  get attached(): number {
    return this.#attachments.size
  }

  /** Offset of the first byte there still is. */
  get oldest(): number {
    return this.#history.oldest
  }

  /** Offset of the first byte that is shown to clients that come now. */
  get shown(): number {
    return Math.max(this.#floor, this.oldest)
  }

  view(from: number, most: number): Uint8Array {
    return this.#history.view(from, most)
  }

  /** Returns the bytes that bring a fresh terminal into the state before the byte at `offset`, cells left out. */
  prelude(offset: number): Buffer {
    return preludeBefore(this.#history, offset, this.#keptBefore(offset), this.#window)
  }

  #keptBefore(offset: number): KeptState | undefined {
    const history = this.#history
    return history instanceof EndedHistory ? history.start : new KeptStates(history.shared).before(offset)
  }

  /** Returns the last bytes, at most `most`. */
  tail(most: number): RingPart {
    for (let left = COPIES; ; left--) {
      const { head } = this
      const from = Math.max(this.shown, head - most)
      const excerpt = this.#history.copy(from, head)
      if (excerpt.offset === from || left === 1) return excerpt
    }
  }

  /** Returns the bytes from an offset on, at most `most`; begins later if the first are gone. */
  range(from: number, most: number): RingPart {
    for (let left = COPIES; ; left--) {
      const { head } = this
      const start = Math.min(Math.max(from, this.shown), head)
      const excerpt = this.#history.copy(start, Math.min(head, start + most))
      if (excerpt.offset === start || left === 1) return excerpt
    }
  }

  /**
   * Returns a client's place: `back` bytes before the end, or at `since` if that is given and not beyond the end; in
   * either case not below the ring.
   */
  attach(back: number, since: number | undefined, wake: () => void): Attachment {
    // Stops the reader while the start is chosen, or a flood might overwrite it meanwhile.
    this.#limit(Math.min(this.head, this.#lowest()))
    const { head } = this
    const wanted = since !== undefined && since <= head ? since : head - back
    const attachment = new Attachment(this, Math.max(wanted, this.shown), wake)
    this.#attachments.add(attachment)
    this.moved()
    return attachment
  }

  detach(attachment: Attachment): void {
    this.#attachments.delete(attachment)
    this.moved()
    this.#shrink()
  }

  moved(): void {
    this.#limit(this.#lowest())
  }

  /** Resolves once there is a byte at `offset`, the output is complete, or `signal` aborts. */
  async until(offset: number, signal: AbortSignal): Promise<void> {
    await this.#waiters.until(() => this.head > offset || this.#exitCode !== undefined, signal)
  }

  /** Hides what has been written so far; clients that follow still get theirs. */
  clear(): void {
    this.#floor = this.head
  }

  /** Wakes readers: the reader thread has appended. */
  grown(): void {
    for (const attachment of this.#attachments) attachment.notify()
    this.#waiters.wake()
  }

  /** Notes the end: the reader thread has appended the last byte. */
  finish(exitCode: number): void {
    this.#exitCode = exitCode
    this.grown()
    this.#shrink()
  }

  #lowest(): number {
    let lowest = NO_LIMIT
    for (const { position } of this.#attachments) lowest = Math.min(lowest, position + AHEAD_BYTES)
    return lowest
  }

  #limit(offset: number): void {
    if (this.#exitCode === undefined && this.ring.setLimit(offset)) this.#wake()
  }

  #shrink(): void {
    if (this.#exitCode === undefined || this.#attachments.size > 0 || this.#history instanceof EndedHistory) return
    const { ring } = this
    const tail = this.tail(KEPT_BYTES)
    const { offset } = tail
    const state = screenBefore(ring, offset, this.#keptBefore(offset), this.#window)
    this.#history = new EndedHistory(tail, { offset, state })
    this.#rings.give(ring)
  }
}

/** The end of an output that is complete. */
class EndedHistory implements History {
  readonly head: number
  readonly oldest: number
  readonly #start: KeptState
  readonly #bytes: Buffer

  constructor({ offset, bytes }: RingPart, start: KeptState) {
    this.#start = start
    this.oldest = offset
    this.head = offset + bytes.byteLength
    this.#bytes = bytes
  }

  /** A copy, which its user may change. */
  get start(): KeptState {
    return structuredClone(this.#start)
  }

  copy(from: number, to: number): RingPart {
    return { offset: from, bytes: Buffer.from(this.#bytes.subarray(from - this.oldest, to - this.oldest)) }
  }

  view(from: number, most: number): Uint8Array {
    return this.#bytes.subarray(from - this.oldest, from - this.oldest + most)
  }
}

/** The output that an attachment belongs to. */
interface AttachedOutput {
  readonly head: number
  /** The exit code, once every byte the terminal will ever write is there. */
  readonly exitCode: number | undefined
  /** Offset of the first byte there still is. */
  readonly oldest: number
  view(from: number, most: number): Uint8Array
  prelude(offset: number): Buffer
  /** Called when an attachment's position has moved. */
  moved(): void
  detach(attachment: Attachment): void
}

/** Bytes of the output from an offset on. */
export interface Passage {
  /** Offset of the first byte. */
  readonly offset: number
  readonly bytes: Uint8Array
  /** Bytes between the offset asked for and the first returned: gone. */
  readonly gap: number
}

/**
 * One client's place in the output of one terminal. Replay and live output are one read, so there is no seam between
 * them. While a place is far behind, the terminal is not read; closing the place releases it at once (P-04). The client
 * reads as much as it can send.
 */
export class Attachment implements Disposable {
  readonly #output: AttachedOutput
  readonly #wake: () => void
  #position: number
  #open = true

  /** `wake` is called when there may be more to read, and at the end. */
  constructor(output: AttachedOutput, position: number, wake: () => void) {
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

  /** The exit code; known once the terminal has ended and its last byte can be read. */
  get exitCode(): number | undefined {
    return this.#output.exitCode
  }

  /**
   * Returns the next bytes, in one piece of at most `most`; undefined if there are none now. They lie where the
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

  /**
   * Returns the bytes that bring a fresh terminal into the state before the byte at `offset`, which must still be
   * there; cells left out.
   */
  prelude(offset: number): Buffer {
    return this.#output.prelude(offset)
  }

  /** Called by the output alone. */
  notify(): void {
    this.#wake()
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    this.#output.detach(this)
  }
}
