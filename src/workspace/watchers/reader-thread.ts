// The main thread's end of a thread that watches trees: started with the first watcher, ended with the last.
// The inotify reader is blocked in poll(2) and woken by a counter; it must have been told to end before the
// process exits, or process.exit waits for it for ever. That is seen to here, whoever calls process.exit.

import { once } from 'node:events'
import { writeSync } from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { startWorker } from '../../base/assets.ts'
import { closeDescriptor, openWakeup } from '../../native/inotify.ts'
import type { FromReader, ReaderStart, ToReader } from '../../threads/watch/watch-job.ts'

/** How a tree is watched: by the kernel's word, or by looking again and again. */
export type Mode = 'inotify' | 'polling'

export interface ReaderEvents {
  readonly heard: (message: FromReader) => void
  /** The thread ended by itself: a defect, or memory. */
  readonly failed: (reason: Error) => void
}

/** Reading a large tree makes much that is short-lived: measured, 1 saves 9 MiB of 38 and costs no time. */
const YOUNG_MIB = 1

/** What adds one to the counter. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer)

export class ReaderThread implements AsyncDisposable {
  readonly #worker: Worker
  readonly #wakeup: number
  readonly #exited: Promise<unknown>
  readonly #atExit = () => this.say({ type: 'end' })
  #ending = false

  constructor(mode: Mode, { heard, failed }: ReaderEvents) {
    this.#wakeup = openWakeup()
    const start: ReaderStart = { wakeup: this.#wakeup }
    const limits = { maxYoungGenerationSizeMb: YOUNG_MIB }
    this.#worker = startWorker(mode === 'inotify' ? 'inotify-reader' : 'polling-watcher', start, [], limits)
    this.#worker.on('message', heard)
    this.#exited = once(this.#worker, 'exit')
    this.#exited.catch(() => {}) // 'error' comes first and is told below
    const fail = (reason: Error) => {
      if (!this.#ending) failed(reason)
    }
    this.#worker.on('error', fail)
    this.#worker.on('exit', () => fail(new Error('the watching thread ended')))
    process.on('exit', this.#atExit)
  }

  say(message: ToReader): void {
    this.#worker.postMessage(message)
    writeSync(this.#wakeup, ONE)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    this.say({ type: 'end' })
    await this.#exited.catch(() => {})
    process.off('exit', this.#atExit)
    closeDescriptor(this.#wakeup)
  }
}
