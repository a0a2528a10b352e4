// One terminal for one client: what the client gets of it, in order. First `gap` (where its offset is gone, or was
// one of an earlier terminal with the same id) and `replay`, then the bytes, then `exit` behind the last of them. A
// gap on the way is followed by a `replay` too. With acknowledgements the bytes on the way never exceed the window;
// the rest stays in the terminal's ring, which bounds it.

import { Fault } from '../../base/fault.ts'
import { losses } from '../../base/tally.ts'
import { CHUNK_BYTES, exitFrame, gapFrame, outputFrame, replayFrame, type Whose } from './frames.ts'
import type { Since } from './options.ts'
import type { WatcherEvent } from '../../workspace/watchers/watchers.ts'

/** Bytes a client may have unacknowledged per terminal: what a fast link has on its way in 20 ms, and a ring holds. */
export const WINDOW_BYTES = 256 * 1024

export type Outgoing = string | Buffer

export interface ChannelOptions {
  readonly acks: boolean
  readonly since: Since | undefined
  readonly wake: () => void
}

export class Channel implements Disposable {
  readonly terminal: LiveTerminal
  readonly #cursor: OutputCursor
  readonly #acks: boolean
  /** Frames that go out before anything else is read. */
  readonly #next: Outgoing[] = []
  #sent: number
  #acked: number
  #ended = false
  #blockedTicks = 0

  constructor(terminal: LiveTerminal, options: ChannelOptions) {
    this.terminal = terminal
    this.#acks = options.acks
    const { since, wake } = options
    const other = since?.life !== undefined && since.life !== terminal.life
    const wanted = other ? 0 : since?.offset
    this.#cursor = terminal.attach({ since: wanted, wake })
    const { position, end } = this.#cursor
    this.#sent = position
    this.#acked = position
    if (other) this.#next.push(gapFrame(terminal, since.offset, 0, 'restarted'))
    if (wanted !== undefined && wanted < position) this.#next.push(announced(terminal, wanted, position))
    this.#next.push(this.#replay(position, end))
  }

  /** True once `exit` has been taken; nothing follows. */
  get ended(): boolean {
    return this.#ended
  }

  /** The next frame, or undefined where there is none now or the window is used up. Output is put into `pool`'s. */
  take(pool: FramePool): Outgoing | undefined {
    const first = this.#next.shift()
    if (first !== undefined || this.#ended) return first
    const room = this.#acks ? WINDOW_BYTES - (this.#sent - this.#acked) : CHUNK_BYTES
    if (room <= 0) return undefined
    const { id } = this.terminal
    const piece = this.#cursor.read(Math.min(room, CHUNK_BYTES))
    if (piece === undefined) return this.#end()
    const frame = outputFrame(id, piece.bytes, pool.take())
    this.#sent = piece.offset + piece.bytes.length
    if (piece.gap === 0) return frame
    // What the ring dropped will never be acknowledged.
    this.#acked += piece.gap
    this.#next.push(this.#replay(piece.offset, this.#cursor.end), frame)
    return announced(this.terminal, piece.offset - piece.gap, piece.offset)
  }

  #replay(from: number, to: number): string {
    return replayFrame(this.terminal, { from, to, prelude: this.#cursor.prelude(from) })
  }

  #end(): Outgoing | undefined {
    const { exitCode } = this.#cursor
    if (exitCode === undefined || this.#cursor.position < this.#cursor.end) return undefined
    this[Symbol.dispose]()
    return exitFrame(this.terminal.id, exitCode)
  }

  /** The client has consumed everything below `offset`. */
  acknowledge(offset: number): void {
    if (!this.#acks) throw new Fault('bad_request', 'this socket was opened without flow=ack: it takes no "ack" frames')
    if (offset > this.#sent) {
      throw new Fault(
        'bad_request',
        `offset is ${offset}, but terminal ${this.terminal.id} has sent up to ${this.#sent} only`,
      )
    }
    if (offset <= this.#acked) return
    this.#acked = offset
    this.#blockedTicks = 0
  }

  /** How many ticks more output has waited for an acknowledgement that did not come. */
  tick(): number {
    const blocked = this.#acks && !this.#ended && this.#sent - this.#acked >= WINDOW_BYTES
    this.#blockedTicks = blocked && this.#cursor.end > this.#cursor.position ? this.#blockedTicks + 1 : 0
    return this.#blockedTicks
  }

  [Symbol.dispose](): void {
    if (this.#ended) return
    this.#ended = true
    this.#cursor[Symbol.dispose]()
  }
}

function announced(whose: Whose, from: number, to: number): string {
  losses.terminalGaps++
  losses.terminalGapBytes += to - from
  return gapFrame(whose, from, to, 'ring')
}

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

// What the socket needs from terminals and watchers, and nothing more: the workspace's own satisfy it, and the
// tests of the pump have small ones. A cursor reads one terminal's ring for one client, so replay and live
// output are one read and there is no seam between them (protocol.md#frames).

/** One client's place in one terminal's output. Disposing it lets the terminal go on without that client. */
export interface OutputCursor extends Disposable {
  /** Absolute offset of the next byte. */
  readonly position: number
  /** Absolute offset behind the newest byte. */
  readonly end: number
  /**
   * What comes next, at most `maxBytes`, to be copied before the turn of the loop ends; undefined where nothing
   * is there now. `gap`: bytes lost before it.
   */
  read(maxBytes: number): { readonly offset: number; readonly bytes: Uint8Array; readonly gap: number } | undefined
  /** Brings a fresh terminal into the state before the byte at `offset`, which is there still: its modes, no cells. */
  prelude(offset: number): Uint8Array
  /** The exit code once the terminal has ended and its last byte is in the ring. */
  readonly exitCode: number | undefined
}

export interface LiveTerminal {
  readonly id: number
  /** Tells this terminal from any other that has or had the id, in this run of the daemon or another. */
  readonly life: string
  /** `since`: from that offset where the ring still has it. `wake` is called when there is more, or an end. */
  attach(options: { readonly since: number | undefined; readonly wake: () => void }): OutputCursor
  /** Throws a Fault where the terminal has ended or its input queue is full. */
  input(bytes: Uint8Array): void
  resize(cols: number, rows: number): void
}

export interface LiveTerminals {
  /** Alive and dead ones, as far as they are kept. */
  list(): Iterable<LiveTerminal>
  /** Ends it and forgets it; throws not_found. */
  delete(id: number): Promise<unknown>
  /** Calls back for each terminal created from now on, before its creator is answered. */
  onCreated(listener: (terminal: LiveTerminal) => void): Disposable
}

/** Watcher events for one client. While the client takes none the watchers wait, in bounded memory. */
export interface WatcherEvents extends Disposable {
  /** Returns the next event; undefined: none now, and `readable` is called when there is one again. */
  take(): WatcherEvent | undefined
}

export interface LiveWatchers {
  /**
   * Begins with a `ready` for each watcher; `readable` is not called for those. `limited`: for a caller who is not
   * allowed everything.
   */
  subscribe(readable: () => void, limited?: boolean): WatcherEvents
}
