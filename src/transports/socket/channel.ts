// One terminal for one client: what the client gets of it, in order. First `gap` (where its offset is gone, or was
// one of an earlier terminal with the same id) and `replay`, then the bytes, then `exit` behind the last of them. A
// gap on the way is followed by a `replay` too. With acknowledgements the bytes on the way never exceed the window;
// the rest stays in the terminal's ring, which bounds it.

import { Fault } from '../../base/fault.ts'
import { losses } from '../../base/tally.ts'
import type { FramePool } from './frame-pool.ts'
import { CHUNK_BYTES, exitFrame, gapFrame, outputFrame, replayFrame, type Whose } from './frames.ts'
import type { Since } from './options.ts'
import type { LiveTerminal, OutputCursor } from './ports.ts'

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
