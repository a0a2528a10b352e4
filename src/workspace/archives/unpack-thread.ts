// The main thread's end of one archive in a thread: hands chunks over while there is room, and hears how it ended. The
// thread is told to stop before it is terminated, so that it takes back what is half done by itself. A thread that has
// done its work rests for the next upload (native/koffi.ts says why) and ends after a while; one that does not answer
// is ended at once.

import { Fault, faultOf, quote } from '../../base/fault.ts'
import { WorkerPort, type WorkerEvents } from '../../base/port.ts'
import {
  roomOf,
  type FromUnpacker,
  type Progress,
  type ToUnpacker,
  type UnpackJob,
} from '../../threads/archive/unpack-job.ts'
import { startWorker } from '../../base/assets.ts'
import { THREAD_REST_MS } from '../../native/koffi.ts'

/** Bytes of the body that may be on their way to the thread, counted by `roomOf`. */
const ROOM_BYTES = 1024 * 1024

/** Time after which a thread that was told to stop is terminated: it hangs in a file system that does not answer. */
export const STOP_MS = 2_000
/** Time in which a thread that has work must say something: one that does not stands in a remote file system. */
const PATIENCE_MS = 60_000

interface UnpackWait {
  readonly signal: AbortSignal
  /** The remote mount that the destination lies on: then the thread is waited for with a limit of time. */
  readonly mount: string | undefined
}

export class UnpackThread implements AsyncDisposable {
  readonly #threads: UnpackThreads
  readonly #port: UnpackPort
  readonly #signal: AbortSignal
  readonly #mount: string | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #ended = Promise.withResolvers<void>()
  readonly #outcome = Promise.withResolvers<Progress>()
  readonly #stopped = Promise.withResolvers<Progress | undefined>()
  readonly #onAbort = (): void => this.#over(this.#signal.reason)
  #isOver = false
  #finishing = false
  /** True once the thread has said how it ended: it can have another archive. */
  #isDone = false
  #room = ROOM_BYTES
  /** Ends the present wait, for room or for a chunk. */
  #wake: () => void = () => {}

  /** Starts the job. Once `signal` aborts, nothing more is taken. */
  constructor(threads: UnpackThreads, job: UnpackJob, { signal, mount }: UnpackWait) {
    this.#mount = mount
    this.#outcome.promise.catch(() => undefined) // `finish` tells of it, and may not have been called yet
    this.#threads = threads
    this.#port = threads.take({
      heard: (message) => this.#hear(message),
      failed: (reason) => this.#gone(reason),
    })
    this.#post({ type: 'job', job })
    this.#signal = signal
    signal.addEventListener('abort', this.#onAbort, { once: true })
    if (signal.aborted) this.#onAbort()
  }

  /** Resolves with the result of `next`, once there is room for it; with 'over' as soon as the thread wants no more. */
  async when<T>(next: () => Promise<T>): Promise<T | 'over'> {
    while (this.#room <= 0 && !this.#isOver) await new Promise<void>((wake) => (this.#wake = wake))
    if (this.#isOver) return 'over'
    const { promise, resolve, reject } = Promise.withResolvers<T | 'over'>()
    this.#wake = () => {
      if (this.#isOver) resolve('over')
    }
    next().then(resolve, reject)
    return await promise
  }

  /** Hands a chunk to the thread, whose memory it is from now on; one that shares its memory with others is copied. */
  give(chunk: Uint8Array): void {
    const { buffer, byteLength } = chunk
    const own = buffer instanceof ArrayBuffer && byteLength === buffer.byteLength
    const bytes = own ? new Uint8Array(buffer) : new Uint8Array(chunk)
    this.#room -= roomOf(byteLength)
    this.#post({ type: 'chunk', bytes }, [bytes.buffer])
  }

  /**
   * Tells that there is no more. Resolves once everything is in its place, rejects with the fault of what was refused.
   */
  async finish(): Promise<Progress> {
    this.#finishing = true
    this.#post({ type: 'end' })
    return await this.#outcome.promise
  }

  /** Gives up. Resolves with what was done by then; undefined: the thread had ended before, or does not answer. */
  async stop(): Promise<Progress | undefined> {
    this.#post({ type: 'stop' })
    const timer = setTimeout(() => this.#stopped.resolve(undefined), STOP_MS)
    try {
      return await this.#stopped.promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves once the thread is at rest or gone. */
  get gone(): Promise<void> {
    return this.#ended.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    this.#signal.removeEventListener('abort', this.#onAbort)
    if (!this.#isDone) {
      const end = this.#port.end().then(() => this.#ended.resolve())
      return this.#mount === undefined ? await end : undefined
    }
    this.#ended.resolve()
    this.#threads.rest(this.#port)
  }

  #post(message: ToUnpacker, transfer?: ArrayBuffer[]): void {
    this.#port.say(message, transfer)
    if (message.type !== 'stop') this.#expect()
  }

  /** Expects a message of the thread within the limit of time. */
  #expect(): void {
    const mount = this.#mount
    if (mount === undefined || this.#timer !== undefined) return
    const sentence = `the file system mounted at ${quote(mount)} did not answer within ${PATIENCE_MS / 1000} s`
    this.#timer = setTimeout(() => this.#over(new Fault('timeout', sentence, { details: { mount } })), PATIENCE_MS)
  }

  #hear(message: FromUnpacker): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const owes = this.#finishing || this.#room + (message.type === 'taken' ? roomOf(message.bytes) : 0) < ROOM_BYTES
    if (message.type === 'taken' && owes) this.#expect()
    this.#isDone ||= message.type !== 'taken'
    if (message.type === 'taken') {
      this.#room += roomOf(message.bytes)
      this.#wake()
    } else if (message.type === 'done') {
      this.#outcome.resolve(message.progress)
      this.#gone(undefined)
    } else if (message.type === 'stopped') this.#stopped.resolve(message.progress)
    else {
      this.#gone(faultOf(message.fault))
    }
  }

  /** The thread has ended, or does no more. */
  #gone(error: unknown): void {
    this.#over(error)
    this.#stopped.resolve(undefined)
  }

  #over(error: unknown): void {
    this.#isOver = true
    this.#outcome.reject(error)
    this.#wake()
  }
}

/** MiB of short-lived memory of a thread: it makes some for every member, and would let 48 MiB of it gather. */
const YOUNG_MIB = 8

type UnpackPort = WorkerPort<ToUnpacker, FromUnpacker>

export class UnpackThreads implements AsyncDisposable {
  /** Resting threads: at most as many as there were uploads at once. */
  readonly #resting = new Set<UnpackPort>()

  take(events: WorkerEvents<FromUnpacker>): UnpackPort {
    const [rested] = this.#resting
    if (rested === undefined) {
      const worker = startWorker('archive-unpacker', undefined, [], { maxYoungGenerationSizeMb: YOUNG_MIB })
      return new WorkerPort(worker, 'the unpacker', events)
    }
    this.#resting.delete(rested)
    rested.hold()
    rested.serve(events)
    return rested
  }

  /** The thread has said how the last archive ended. */
  rest(port: UnpackPort): void {
    if (port.over) return
    const forget = (): void => void this.#resting.delete(port)
    this.#resting.add(port)
    port.serve({ heard: () => undefined, failed: forget })
    port.rest(THREAD_REST_MS, forget)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ports = [...this.#resting]
    this.#resting.clear()
    await Promise.all(ports.map((port) => port.end()))
  }
}
