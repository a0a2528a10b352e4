// The two ends of the port between the main thread and a worker. Main thread: `new WorkerPort<To, From>(startWorker(…),
// 'the tree walker', { heard, failed })`, then `say`, `hold` and `rest`, and `end`. Worker: `mainPort<To, From>()`,
// then `say` and `hear`; `next` where the thread waits in the kernel and its event loop does not turn. The port queues
// and copies nothing: each protocol bounds what is on its way, because a worker speaks only when asked or given room.

import { parentPort, receiveMessageOnPort, type Transferable, type Worker } from 'node:worker_threads'
import { Fault, faultOfExhaustion } from './fault.ts'

export interface WorkerEvents<From> {
  /** Called with each message of the worker, also with those that were on their way when it ended. */
  readonly heard: (message: From) => void
  /** Called once, when the worker ends without being told to: a defect, or no memory for it. */
  readonly failed: (reason: Fault) => void
}

/** The main thread's end. It owns the worker. */
export class WorkerPort<To, From> {
  readonly #worker: Worker
  readonly #name: string
  readonly #exited = Promise.withResolvers<void>()
  #events: WorkerEvents<From>
  #idle: NodeJS.Timeout | undefined
  #isOver = false

  /** `name` is the subject of the sentence that tells of a failure: "the tree walker". */
  constructor(worker: Worker, name: string, events: WorkerEvents<From>) {
    this.#worker = worker
    this.#name = name
    this.#events = events
    worker.on('message', (message: From) => this.#events.heard(message))
    worker.on('error', (error: unknown) => this.#fail(error))
    worker.on('messageerror', (error: unknown) => this.#fail(error)) // a message that cannot be received
    worker.on('exit', (code) => {
      this.#exited.resolve()
      this.#fail(new Error(`it left with code ${code}`))
    })
  }

  /** True once the worker has ended, failed or been told to end. */
  get over(): boolean {
    return this.#isOver
  }

  /** Replaces the listener of the worker, for a worker that does several jobs one after the other. */
  serve(events: WorkerEvents<From>): void {
    this.#events = events
  }

  /** Sends a message; memory listed in `transfer` is the worker's from now on. */
  say(message: To, transfer?: readonly Transferable[]): void {
    this.#worker.postMessage(message, transfer)
  }

  /** Tells that the worker has work: it keeps the process alive and does not end. */
  hold(): void {
    clearTimeout(this.#idle)
    this.#worker.ref()
  }

  /** Tells that the worker no longer keeps the process alive. */
  release(): void {
    this.#worker.unref()
  }

  /** Tells that the worker has no work. After `ms` without `hold` the port ends it and calls `ended`. */
  rest(ms: number, ended: () => void): void {
    this.release()
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      void this.end()
      ended()
    }, ms).unref()
  }

  /** Terminates the worker; resolves when it has ended. Nothing fails from now on. */
  async end(): Promise<void> {
    this.#leave()
    await this.#worker.terminate()
  }

  /** Resolves when the worker, which has been told to end, has ended by itself. Nothing fails from now on. */
  async untilExit(): Promise<void> {
    this.#leave()
    await this.#exited.promise
  }

  #leave(): void {
    clearTimeout(this.#idle)
    this.#isOver = true
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    void this.end() // after 'messageerror' it still runs
    const reason = error instanceof Error ? error.message : String(error)
    const defect = () => new Fault('internal_error', `${this.#name} ended: ${reason}`, { cause: error })
    this.#events.failed(faultOfExhaustion(error) ?? defect())
  }
}

/** The worker's end of the port. */
export interface MainPort<To, From> {
  /** Sends a message; memory listed in `transfer` is the main thread's from now on. */
  say(message: From, transfer?: readonly Transferable[]): void
  /** Calls `heard` with each message of the main thread. */
  hear(heard: (message: To) => void): void
  /** Takes the next message that has come; undefined: there is none. */
  next(): To | undefined
  /** Closes the port; the thread ends when it has nothing else to do. */
  close(): void
}

/** Returns the worker's end. The main thread must be the one that was given the same two types. */
export function mainPort<To, From>(): MainPort<To, From> {
  const port = parentPort
  if (port === null) throw new Error('this file runs as a worker only')
  return {
    say: (message, transfer) => port.postMessage(message, transfer),
    hear: (heard) => void port.on('message', heard),
    next: () => receiveMessageOnPort(port)?.message as To | undefined, // the other end is typed the same
    close: () => port.close(),
  }
}
