// Zombies that nobody else can reap. As PID 1 of a container the daemon inherits every process whose parent
// ended first; unreaped they fill the process table (E-12). Our own children are left alone:
// their owners still need them, and each is waited for by its number, so no exit code is ever taken away.
// Everything but PID 1 has an init above it and nothing to do here.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { reap } from '../../native/process.ts'
import { processes } from './process-table.ts'

/** Pause before a sweep, so that a burst of orphans costs one. */
const SWEEP_DELAY_MS = 100
/** How long a sweep may hold the main loop before it lets others run. */
const SLICE_MS = 10

export class Orphans implements Disposable {
  readonly #isOurs: (pid: number) => boolean
  #timer: NodeJS.Timeout | undefined
  #sweeping = false
  #again = false

  constructor(isOurs: (pid: number) => boolean) {
    this.#isOurs = isOurs
  }

  /** Some child of this process has ended, ours or not. */
  noteExit(): void {
    if (this.#sweeping) this.#again = true
    else this.#timer ??= setTimeout(() => void this.#sweep(), SWEEP_DELAY_MS).unref()
  }

  async #sweep(): Promise<void> {
    this.#sweeping = true
    this.#timer = undefined
    let sliceEnd = performance.now() + SLICE_MS
    try {
      for (const entry of processes()) {
        if (entry.parent === process.pid && entry.state === 'Z' && !this.#isOurs(entry.pid)) reap(entry.pid)
        if (performance.now() < sliceEnd) continue
        await nextTurn()
        sliceEnd = performance.now() + SLICE_MS
      }
    } catch {
      this.#again = true // nobody could look
    }
    this.#sweeping = false
    if (!this.#again) return
    this.#again = false
    this.noteExit()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
