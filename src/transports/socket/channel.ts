// Sends one terminal's output to one client, in order: first `gap` (if the ring has lost the client's offset, or the
// offset belongs to an earlier terminal with the same id) and `replay`, then the bytes, then `exit`. A later gap is
// followed by a `replay` too. With acknowledgements, the bytes on the way never exceed the window; the rest stays in
// the terminal's ring, which bounds it. Also here: the pool of frame buffers, and the interfaces of terminals and
// watchers that the socket needs.

import { Fault } from '../../base/fault.ts'
import { losses } from '../../base/tally.ts'
import { CHUNK_BYTES, exitFrame, gapFrame, outputFrame, replayFrame, type Whose } from './frames.ts'
import type { Since } from './options.ts'
import type { WatcherEvent } from '../../workspace/watchers/watchers.ts'

/** Unacknowledged bytes per client and terminal: a fast link carries as many in 20 ms, and a ring holds them. */
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
  /** Frames to send before the ring is read again. */
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

  /** True once `exit` has been taken; no frame follows. */
  get ended(): boolean {
    return this.#ended
  }

  /** Returns the next frame, output in a buffer of `pool`; undefined if there is none now or the window is used up. */
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
    // The client never acknowledges bytes that the ring dropped.
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

  /** Notes that the client has consumed everything below `offset`. */
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

  /** Counts a tick; returns the ticks for which output has waited for an acknowledgement. */
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

/** Buffers kept for reuse: 2 MiB. Clients together may have more on the way; the garbage collector frees those. */
const SPARE_LIMIT = 128

/**
 * Buffers for output frames, reused once they are written; all clients share them. At 80 MB/s new buffers would outlive
 * the young generation while a client is slow, and the daemon would grow by tens of megabytes.
 */
export class FramePool {
  readonly #frameBytes: number
  readonly #spare: Buffer[] = []

  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes
  }

  /** Returns a buffer for one frame; it may hold old bytes. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#frameBytes)
  }

  /** Takes a buffer back; `frame` is the part of it that was sent and is no longer read. */
  give(frame: Buffer): void {
    if (frame.buffer.byteLength !== this.#frameBytes || this.#spare.length >= SPARE_LIMIT) return
    this.#spare.push(Buffer.from(frame.buffer))
  }
}

/**
 * One client's place in one terminal's ring. Replay and live output are one read, so there is no seam between them
 * (protocol.md#frames). Disposing the cursor lets the terminal go on without that client.
 */
export interface OutputCursor extends Disposable {
  /** Absolute offset of the next byte. */
  readonly position: number
  /** Absolute offset behind the newest byte. */
  readonly end: number
  /**
   * Returns the next bytes, at most `maxBytes`; undefined if there are none now. The caller must copy them before the
   * turn of the event loop ends. `gap`: bytes lost before them.
   */
  read(maxBytes: number): { readonly offset: number; readonly bytes: Uint8Array; readonly gap: number } | undefined
  /** Returns bytes that give a new terminal this one's modes, not its cells, before `offset` (still in the ring). */
  prelude(offset: number): Uint8Array
  /** Exit code; undefined until the terminal has ended and its last byte is in the ring. */
  readonly exitCode: number | undefined
}

export interface LiveTerminal {
  readonly id: number
  /** Name that distinguishes this terminal from every other with the same id, in any run of the daemon. */
  readonly life: string
  /** Opens a cursor, at offset `since` if the ring still has it. Calls `wake` on new output and at the end. */
  attach(options: { readonly since: number | undefined; readonly wake: () => void }): OutputCursor
  /** Throws a Fault if the terminal has ended or its input queue is full. */
  input(bytes: Uint8Array): void
  resize(cols: number, rows: number): void
}

export interface LiveTerminals {
  /** Returns the terminals that are kept, running and ended ones. */
  list(): Iterable<LiveTerminal>
  /** Ends the terminal and forgets it; throws `not_found`. */
  delete(id: number): Promise<unknown>
  /** Calls `listener` for each terminal created from now on, before the daemon answers its creator. */
  onCreated(listener: (terminal: LiveTerminal) => void): Disposable
}

/** Watcher events for one client. While the client takes none, the watchers wait and use bounded memory. */
export interface WatcherEvents extends Disposable {
  /** Returns the next event; undefined if there is none now. `readable` is called when there is one again. */
  take(): WatcherEvent | undefined
}

export interface LiveWatchers {
  /**
   * Returns events that begin with a `ready` for each watcher; `readable` is not called for those. `limited`: true if
   * the caller may not see everything.
   */
  subscribe(readable: () => void, limited?: boolean): WatcherEvents
}
