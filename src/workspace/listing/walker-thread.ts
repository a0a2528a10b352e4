// One tree walker's thread and the walks in it: started by the first of them, ended after a while without
// any. It knows how long the thread has owed an answer, so that one that hangs in a file system is avoided.

import type { Worker } from 'node:worker_threads'
import { startWorker } from '../../base/assets.ts'
import { Fault } from '../../base/fault.ts'
import type { FromWalker, Job, ToWalker } from '../../threads/walk/walk-job.ts'
import type { PulledWalk, WalkSource } from './pulled-walk.ts'

/** Milliseconds without an answer after which a thread counts as stuck. */
const STUCK = 10_000

export class WalkerThread implements WalkSource {
  readonly #worker: Worker
  readonly #walks = new Map<number, PulledWalk>()
  readonly #idle: number
  readonly #gone: () => void
  #timer: NodeJS.Timeout | undefined
  #lastId = 0
  /** Requests without an answer yet, and since when the oldest has been waiting. */
  #unanswered = 0
  #since = 0
  #isGivenUp = false

  constructor(idle: number, gone: () => void) {
    this.#idle = idle
    this.#gone = gone
    this.#worker = startWorker('tree-walker', undefined)
    this.#worker.on('message', (message: FromWalker) => this.#hear(message))
    this.#worker.on('error', (error) => void this.end(error))
    this.#worker.on('exit', () => void this.end(new Error('the tree walker ended')))
    // A daemon with nothing else to do may end; running walks keep their callers alive by other means.
    this.#worker.unref()
    this.#rest()
  }

  get busy(): number {
    return this.#walks.size
  }

  get stuck(): boolean {
    return this.#unanswered > 0 && performance.now() - this.#since > STUCK
  }

  add(walk: PulledWalk, job: Job): number {
    clearTimeout(this.#timer)
    const id = ++this.#lastId
    this.#walks.set(id, walk)
    this.#worker.ref()
    this.#ask({ type: 'open', id, job })
    return id
  }

  next(id: number): void {
    if (this.#walks.has(id)) this.#ask({ type: 'next', id })
  }

  /** Ends a walk on both sides. */
  stop(id: number): void {
    if (!this.#walks.has(id)) return
    const message: ToWalker = { type: 'stop', id }
    this.#worker.postMessage(message)
    this.#forget(id)
  }

  /** Its walks end, as it does not answer; it goes on itself once it does. */
  giveUp(reason: Fault): void {
    const walks = [...this.#walks]
    this.#walks.clear()
    for (const [id, walk] of walks) {
      const message: ToWalker = { type: 'stop', id }
      this.#worker.postMessage(message) // closes what the walk holds open, when it is heard
      walk.fail(reason)
    }
    this.#isGivenUp = true
    this.#worker.unref()
  }

  async end(reason: unknown): Promise<void> {
    this.#isGivenUp = false
    clearTimeout(this.#timer)
    this.#gone()
    const walks = [...this.#walks.values()]
    this.#walks.clear()
    for (const walk of walks) walk.fail(reason)
    await this.#worker.terminate()
  }

  #ask(message: ToWalker): void {
    if (this.#unanswered++ === 0) this.#since = performance.now()
    this.#worker.postMessage(message)
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
      const { code, sentence, details } = message.fault
      walk?.fail(new Fault(code, sentence, details === undefined ? {} : { details }))
    }
  }

  #forget(id: number): void {
    if (this.#walks.delete(id) && this.#walks.size === 0) this.#rest()
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#worker.unref()
    this.#timer = setTimeout(() => void this.end(new Error('the tree walker was idle')), this.#idle).unref()
  }
}
