// States of a terminal's screen at the slices of its output, in memory that both threads share. The reader thread keeps
// one at the end of each slice; the main thread goes on from there to where a client begins. A state that may still be
// asked for is never being written, since there is one place more than slices in the ring.

import { STATE_BYTES, STATES, STATES_OFFSET } from './layout.ts'
import type { ScreenState } from './screen-state.ts'

/** Bytes before each state: its offset, and the length of its text. */
const HEADER_BYTES = 16
const NONE = -1n

export interface KeptState {
  /** Bytes printed before the state: they make it. */
  readonly offset: number
  readonly state: ScreenState
}

export class KeptStates {
  readonly #bytes: Buffer
  readonly #cells: BigInt64Array

  constructor(shared: SharedArrayBuffer) {
    this.#bytes = Buffer.from(shared, STATES_OFFSET, STATES * STATE_BYTES)
    this.#cells = new BigInt64Array(shared, STATES_OFFSET, (STATES * STATE_BYTES) / 8)
  }

  /** Forgets all states, for another terminal. */
  clear(): void {
    for (let place = 0; place < STATES; place++) Atomics.store(this.#cells, cellOf(place), NONE)
  }

  /** Reader: keeps a state. `slice`: number of slices that were printed before. */
  keep(slice: number, { offset, state }: KeptState): void {
    const place = slice % STATES
    const cell = cellOf(place)
    const text = JSON.stringify(state)
    if (text.length > STATE_BYTES - HEADER_BYTES) return // cannot be: a state is bounded
    Atomics.store(this.#cells, cell, NONE)
    this.#bytes.write(text, place * STATE_BYTES + HEADER_BYTES, 'latin1')
    Atomics.store(this.#cells, cell + 1, BigInt(text.length))
    Atomics.store(this.#cells, cell, BigInt(offset))
  }

  /** Main thread: returns the last state that is not behind `offset`. */
  before(offset: number): KeptState | undefined {
    let best: { readonly place: number; readonly at: number } | undefined
    for (let place = 0; place < STATES; place++) {
      const at = Number(Atomics.load(this.#cells, cellOf(place)))
      if (at >= 0 && at <= offset && at > (best?.at ?? -1)) best = { place, at }
    }
    if (best === undefined) return undefined
    const start = best.place * STATE_BYTES + HEADER_BYTES
    const length = Number(Atomics.load(this.#cells, cellOf(best.place) + 1))
    const state = JSON.parse(this.#bytes.toString('latin1', start, start + length)) as ScreenState // as `keep` wrote it
    return { offset: best.at, state }
  }
}

const cellOf = (place: number): number => (place * STATE_BYTES) / 8
