// The threads that unpack, of which each upload has one to itself. One that has done its work rests for the next
// (native/koffi.ts says why), and ends after a while; one that does not answer is ended at once.

import type { Worker } from 'node:worker_threads'
import { startWorker } from '../../base/assets.ts'
import { THREAD_REST_MS } from '../../native/koffi.ts'

/** Short-lived memory of a thread: it makes some for every member, and would let 48 MiB of it gather. */
const YOUNG_MIB = 8

export class UnpackThreads implements AsyncDisposable {
  /** With the timer that ends them. At most as many as there were uploads at once. */
  readonly #resting = new Map<Worker, NodeJS.Timeout>()
  /** Of one at rest; 'exit' comes next. */
  readonly #onError = (): void => undefined

  take(): Worker {
    const [rested] = this.#resting.keys()
    if (rested !== undefined) {
      this.#forget(rested)
      rested.off('error', this.#onError)
      return rested
    }
    const worker = startWorker('archive-unpacker', undefined, [], { maxYoungGenerationSizeMb: YOUNG_MIB })
    return worker.on('exit', () => this.#forget(worker))
  }

  /** It has said how the last archive ended. */
  rest(worker: Worker): void {
    const timer = setTimeout(() => void this.#end(worker), THREAD_REST_MS).unref()
    this.#resting.set(worker, timer)
    worker.on('error', this.#onError)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#resting.keys()].map((worker) => this.#end(worker)))
  }

  async #end(worker: Worker): Promise<void> {
    this.#forget(worker)
    await worker.terminate()
  }

  #forget(worker: Worker): void {
    clearTimeout(this.#resting.get(worker))
    this.#resting.delete(worker)
  }
}
