// The main thread's end of a walk. Two batches are asked for in advance and the next one when one is taken;
// an abort, a failure or a reader that leaves ends the walk on both sides at once.

import type { Batch, Job } from '../../threads/walk/walk-job.ts'

/** Batches asked for before the first is taken: one is read while the next is made. */
const AHEAD = 2

/** Batches of one walk in order. Leaving the loop early releases the walk. */
export type Walk = AsyncIterable<Batch> & AsyncDisposable

/** Where batches come from. */
export interface WalkSource {
  /** Starts the walk and returns its id. */
  add(walk: PulledWalk, job: Job): number
  /** Asks for a batch. */
  next(id: number): void
  /** Ends a walk, over or not. */
  stop(id: number): void
}

export class PulledWalk implements Walk {
  readonly opened: Promise<void>
  readonly #source: WalkSource
  readonly #id: number
  readonly #signal: AbortSignal
  readonly #batches: Batch[] = []
  readonly #onAbort = (): void => this.#release(this.#signal.reason)
  #failure: { readonly reason: unknown } | undefined
  #over = false
  /** Called once, when nothing more is read. */
  readonly #onOver: (() => void) | undefined
  #wake: (() => void) | undefined
  readonly #open = Promise.withResolvers<void>()

  constructor(source: WalkSource, job: Job, { signal, over }: { signal: AbortSignal; over?: () => void }) {
    this.#source = source
    this.#signal = signal
    this.#onOver = over
    this.opened = this.#open.promise
    this.#id = source.add(this, job)
    for (let i = 0; i < AHEAD; i++) source.next(this.#id)
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  started(): void {
    this.#open.resolve()
  }

  take(batch: Batch): void {
    this.#batches.push(batch)
    if (batch.end !== undefined) this.#signal.removeEventListener('abort', this.#onAbort)
    this.#wake?.()
  }

  fail(reason: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#onOver?.()
    this.#failure = { reason }
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#open.reject(reason)
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void> {
    try {
      for (;;) {
        const batch = this.#batches.shift()
        if (batch !== undefined) {
          if (batch.end === undefined) this.#source.next(this.#id)
          if (batch.bytes.byteLength > 0 || batch.end !== undefined) yield batch
          if (batch.end !== undefined) return
        } else {
          if (this.#failure !== undefined) throw this.#failure.reason
          await new Promise<void>((wake) => (this.#wake = wake))
        }
      }
    } finally {
      this.#release(new Error('the walk was left'))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#release(new Error('the walk was left'))
  }

  #release(reason: unknown): void {
    this.#source.stop(this.#id)
    this.#batches.length = 0
    this.fail(reason)
  }
}
