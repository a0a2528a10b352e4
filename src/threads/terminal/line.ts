// One terminal as the reader thread has it: its master, the ring of its output, and the ring of the input that waits
// for it. Reading stops at the ring's limit, writing when the kernel takes no more. Neither ever waits by itself, and
// in one turn neither moves more than one step, so that every other terminal has its turn.

import { addressOf, POLLIN } from '../../native/libc.ts'
import { readMaster, writeMaster } from '../../native/pty.ts'
import { InputRing } from './input-ring.ts'
import { KeptStates } from './kept-states.ts'
import { SLICE_BYTES } from './layout.ts'
import { STEP_BYTES, type TerminalRing } from './ring.ts'
import { freshScreen, resizeScreen } from './screen-state.ts'
import { ScreenTracker } from './screen-tracker.ts'

export const POLLOUT = 0x004
/**
 * Time for which a line is left alone that is ready although nothing can be moved, instead of polling it without pause.
 */
export const REST_MS = 20

export class TerminalLine {
  readonly #master: number
  readonly #ring: TerminalRing
  /** Address of the ring's bytes, which `#ring` keeps alive. */
  readonly #address: bigint
  readonly #input: InputRing
  readonly #inputAddress: bigint
  readonly #screen: ScreenTracker
  readonly #states: KeptStates
  /** Bytes of output that the state of the screen has been made of. */
  #tracked = 0
  #restUntil = 0
  #ended = false
  #over = false

  constructor(master: number, ring: TerminalRing) {
    this.#master = master
    this.#ring = ring
    this.#address = addressOf(ring.bytes)
    this.#input = new InputRing(ring.shared)
    this.#inputAddress = addressOf(this.#input.bytes)
    const { cols, rows } = ring.window
    this.#screen = new ScreenTracker(freshScreen(cols, rows))
    this.#states = new KeptStates(ring.shared)
  }

  get master(): number {
    return this.#master
  }

  /** True once nothing will come any more. */
  get over(): boolean {
    return this.#over
  }

  /** Time until which this line is left alone (ms); 0 if it is not. */
  restsUntil(now: number): number {
    return this.#restUntil > now ? this.#restUntil : 0
  }

  /** Returns what to wait for: POLLIN, POLLOUT, both or nothing. */
  wants(now: number): number {
    if (this.restsUntil(now) > 0) return 0
    return (this.#ring.rests(this.#ended) ? 0 : POLLIN) | (this.#input.waiting > 0 ? POLLOUT : 0)
  }

  /** Notes that the program has ended: the end of the terminal is the end of its output from now on. */
  finish(): void {
    this.#ended = true
  }

  /** Moves what can be moved, one step in each direction. Returns how many bytes the ring has gained. */
  serve(reported: number, now: number): number {
    const wrote = (reported & POLLOUT) !== 0 && this.#write()
    const before = this.#ring.head
    this.#fit(before)
    const end = (reported & ~POLLOUT) !== 0 && this.#read(STEP_BYTES) === 'over'
    const grown = this.#ring.head - before
    if (end && this.#ended) this.#over = true
    // No process has the slave open although we hold it (vhangup), or the kernel contradicts itself.
    else if (end || (!wrote && grown === 0)) this.#restUntil = now + REST_MS
    return grown
  }

  /** Takes what is there this moment (the kernel holds far less than a step), and nothing after it. */
  cut(): void {
    this.#ended = true
    this.#read(STEP_BYTES)
    this.#over = true
  }

  /** Takes a change of the window: output so far belongs to the old one. */
  #fit(head: number): void {
    const { state } = this.#screen
    const { cols, rows } = this.#ring.window
    if (cols === state.cols && rows === state.rows) return
    while (this.#tracked < head) this.#track(head)
    resizeScreen(state, cols, rows)
  }

  /** Advances the state of the screen, to the end of a slice at most. Late and in slices, as that is cheaper. */
  #track(head: number): void {
    const slice = Math.floor(this.#tracked / SLICE_BYTES) + 1
    const offset = Math.min(head, slice * SLICE_BYTES)
    this.#screen.feed(this.#ring.view(this.#tracked, offset - this.#tracked))
    this.#tracked = offset
    if (offset === slice * SLICE_BYTES) this.#states.keep(slice, { offset, state: this.#screen.state })
  }

  #read(most: number): 'over' | 'later' {
    for (let total = 0; total < most;) {
      const { position, count } = this.#ring.room(this.#ended)
      if (count === 0) return 'later'
      const got = readMaster(this.#master, this.#address + BigInt(position), count)
      if (typeof got !== 'number') return got
      this.#ring.appended(got)
      total += got
      while (this.#ring.head - this.#tracked >= SLICE_BYTES) this.#track(this.#ring.head)
    }
    return 'later'
  }

  /** Writes input; true if the terminal has taken some. One call takes as much as lies in one piece. */
  #write(): boolean {
    let taken = 0
    while (taken < STEP_BYTES) {
      const { position, count } = this.#input.next()
      if (count === 0) break
      const most = Math.min(count, STEP_BYTES - taken)
      const moved = writeMaster(this.#master, this.#inputAddress + BigInt(position), most)
      if (typeof moved !== 'number') break
      taken += moved
      this.#input.wrote(moved)
      if (moved < most) break
    }
    return taken > 0
  }
}
