// The main thread's side of one tree walker: `WalkerThread` owns the worker and its walks, `PulledWalk` is one walk for
// its reader. The thread ends after a while without walks. It is known since when it owes an answer, so that a thread
// that hangs in a file system gets no more walks.

import { startWorker } from '../../base/assets.ts'
import { type Fault, faultOf } from '../../base/fault.ts'
import { WorkerPort } from '../../base/port.ts'
import type { FromWalker, Job, ToWalker, Batch } from '../../threads/walk/walk-job.ts'

/** Milliseconds without an answer after which a thread counts as stuck. */
const STUCK = 10_000

/** Batches asked for before the first is taken: one is read while the next is made. */
const AHEAD = 2

export class WalkerThread implements WalkSource {
  readonly #port: WorkerPort<ToWalker, FromWalker>
  readonly #walks = new Map<number, PulledWalk>()
  readonly #idle: number
  readonly #gone: () => void
  #lastId = 0
  /** Requests without an answer, and since when the thread has owed one. */
  #unanswered = 0
  #since = 0
  #isGivenUp = false

  constructor(idle: number, gone: () => void) {
    this.#idle = idle
    this.#gone = gone
    this.#port = new WorkerPort(startWorker('tree-walker', undefined), 'the tree walker', {
      heard: (message) => this.#hear(message),
      failed: (reason) => this.#lose(reason),
    })
    this.#rest()
  }

  get busy(): number {
    return this.#walks.size
  }

  get stuck(): boolean {
    return this.#unanswered > 0 && performance.now() - this.#since > STUCK
  }

  add(walk: PulledWalk, job: Job): number {
    const id = ++this.#lastId
    this.#walks.set(id, walk)
    this.#port.hold()
    this.#ask({ type: 'open', id, job })
    return id
  }

  next(id: number): void {
    if (this.#walks.has(id)) this.#ask({ type: 'next', id })
  }

  /** Ends a walk on both sides. */
  stop(id: number): void {
    if (!this.#walks.has(id)) return
    this.#port.say({ type: 'stop', id })
    this.#forget(id)
  }

  /** Fails its walks with `reason`, since the thread does not answer. It is used again after it has answered. */
  giveUp(reason: Fault): void {
    const walks = [...this.#walks]
    this.#walks.clear()
    for (const [id, walk] of walks) {
      this.#port.say({ type: 'stop', id }) // closes what the walk holds open, when it is heard
      walk.fail(reason)
    }
    this.#isGivenUp = true
    this.#port.release()
  }

  /** Ends the thread; its walks fail with `reason`. */
  async end(reason: Fault): Promise<void> {
    const ended = this.#port.end()
    this.#lose(reason)
    await ended
  }

  #lose(reason: Fault): void {
    this.#isGivenUp = false
    this.#gone()
    const walks = [...this.#walks.values()]
    this.#walks.clear()
    for (const walk of walks) walk.fail(reason)
  }

  #ask(message: ToWalker): void {
    if (this.#unanswered++ === 0) this.#since = performance.now()
    this.#port.say(message)
  }

  #hear(message: FromWalker): void {
    this.#unanswered--
    this.#since = performance.now()
    if (this.#isGivenUp && this.#unanswered === 0) {
      this.#isGivenUp = false
      if (this.#walks.size === 0) this.#rest()
    }
    const walk = this.#walks.get(message.id)
    if (message.type === 'opened') walk?.started()
    else if (message.type === 'batch') {
      if (message.batch.end !== undefined) this.#forget(message.id)
      walk?.take(message.batch)
    } else if (message.type === 'failed') {
      this.#forget(message.id)
      walk?.fail(faultOf(message.fault))
    }
  }

  #forget(id: number): void {
    if (this.#walks.delete(id) && this.#walks.size === 0) this.#rest()
  }

  #rest(): void {
    this.#port.rest(this.#idle, this.#gone)
  }
}

/** Batches of one walk in order. Leaving the loop early releases the walk. */
export type Walk = AsyncIterable<Batch> & AsyncDisposable

/** The thread, as a walk sees it. */
interface WalkSource {
  /** Starts the walk and returns its id. */
  add(walk: PulledWalk, job: Job): number
  /** Asks for a batch. */
  next(id: number): void
  /** Ends a walk, over or not. */
  stop(id: number): void
}

/**
 * One walk for its reader. Two batches are asked for in advance, the next one when one is taken. An abort, a failure or
 * a reader that leaves ends the walk on both sides at once.
 */
export class PulledWalk implements Walk {
  readonly opened: Promise<void>
  readonly #source: WalkSource
  readonly #id: number
  readonly #signal: AbortSignal
  readonly #batches: Batch[] = []
  readonly #onAbort = (): void => this.#release(this.#signal.reason)
  #failure: { readonly reason: unknown } | undefined
  #over = false
  /** Called once, when the walk has ended. */
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
