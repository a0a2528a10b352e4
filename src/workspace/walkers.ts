// The tree walkers: at most two threads for all walks of the daemon, started when needed and ended when
// idle. A walk is pulled: two batches are asked for in advance, the next when one is taken, so memory per
// walk is bounded and a reader that stops stops its walk. An aborted walk is released at once.

import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { startWorker } from '../assets.ts'
import { Fault } from '../fault.ts'
import type { Batch, FromWalker, GitHome, Job, Summary, ToWalker } from '../threads/walk-job.ts'

export interface WalkerOptions {
  /** Where git keeps the user's own excludes. */
  readonly home: GitHome
  /** Threads at most; half the processors and no more than two unless given. */
  readonly threads?: number
  /** Walks at once; 64 unless given. */
  readonly walks?: number
  /** Milliseconds without a walk after which a thread ends; 60,000 unless given. */
  readonly idle?: number
}

/** Batches asked for before the first is taken: one is read while the next is made. */
const AHEAD = 2
/** Milliseconds without an answer after which a thread counts as stuck (a file system that hangs). */
const STUCK = 10_000
/** Stuck threads that are left behind before new walks are refused. */
const STUCK_THREADS = 4

/** Batches of one walk in order. Leaving the loop early releases the walk. */
export type Walk = AsyncIterable<Batch> & AsyncDisposable

export interface Walkers extends AsyncDisposable {
  readonly home: GitHome
  /** Starts a walk; rejects with the Fault of a root that cannot be walked. */
  open(job: Job, signal: AbortSignal): Promise<Walk>
  /** SHA-256 of the regular file at `path`, as hex. */
  hash(path: string, signal: AbortSignal): Promise<string>
}

export function openWalkers(options: WalkerOptions): Walkers {
  return new WalkerPool(options)
}

class WalkerPool implements Walkers {
  readonly home: GitHome
  readonly #threads: number
  readonly #limit: number
  readonly #idle: number
  readonly #members = new Set<Member>()
  #closed = false

  constructor(options: WalkerOptions) {
    this.home = options.home
    this.#threads = options.threads ?? Math.min(2, availableParallelism())
    this.#limit = options.walks ?? 64
    this.#idle = options.idle ?? 60_000
  }

  async open(job: Job, signal: AbortSignal): Promise<Walk> {
    signal.throwIfAborted()
    const walk = new PulledWalk(this.#choose(), job, signal)
    await walk.opened
    return walk
  }

  async hash(path: string, signal: AbortSignal): Promise<string> {
    await using walk = await this.open({ kind: 'hash', path }, signal)
    for await (const { end } of walk) if (end?.sha256 !== undefined) return end.sha256
    throw new Error('the walker ended a hash without a result')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const members = [...this.#members]
    this.#members.clear()
    await Promise.all(members.map((member) => member.end(new Fault('unavailable', 'the daemon is shutting down'))))
  }

  /** The least busy thread that answers; a new one while there are fewer than allowed. */
  #choose(): Member {
    if (this.#closed) throw new Fault('unavailable', 'the daemon is shutting down')
    const members = [...this.#members]
    const walks = members.reduce((sum, { busy }) => sum + busy, 0)
    if (walks >= this.#limit) {
      const sentence = `${walks} listings and searches are running; accepted are ${this.#limit} at once`
      throw new Fault('rate_limited', sentence, { details: { limit: this.#limit }, retryAfter: 1 })
    }
    const usable = members.filter((member) => !member.stuck)
    const free = usable.toSorted((a, b) => a.busy - b.busy)[0]
    if (free !== undefined && (free.busy === 0 || usable.length >= this.#threads)) return free
    if (members.length - usable.length >= STUCK_THREADS) {
      throw new Fault('unavailable', 'earlier walks hang in a file system that does not answer', { retryAfter: 10 })
    }
    const member = new Member(this.#idle, () => this.#members.delete(member))
    this.#members.add(member)
    return member
  }
}

/** One thread and the walks in it. */
class Member {
  readonly #worker: Worker
  readonly #walks = new Map<number, PulledWalk>()
  readonly #idle: number
  readonly #gone: () => void
  #timer: NodeJS.Timeout | undefined
  #lastId = 0
  /** Requests without an answer yet, and since when the oldest has been waiting. */
  #unanswered = 0
  #since = 0

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

  async end(reason: unknown): Promise<void> {
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

/** The main thread's end of a walk. */
class PulledWalk implements Walk {
  readonly opened: Promise<void>
  readonly #member: Member
  readonly #id: number
  readonly #signal: AbortSignal
  readonly #batches: Batch[] = []
  readonly #onAbort = (): void => this.#release(this.#signal.reason)
  #failure: { readonly reason: unknown } | undefined
  #over = false
  #wake: (() => void) | undefined
  readonly #open = Promise.withResolvers<void>()

  constructor(member: Member, job: Job, signal: AbortSignal) {
    this.#member = member
    this.#signal = signal
    this.opened = this.#open.promise
    this.#id = member.add(this, job)
    for (let i = 0; i < AHEAD; i++) member.next(this.#id)
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
          if (batch.end === undefined) this.#member.next(this.#id)
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
    this.#member.stop(this.#id)
    this.#batches.length = 0
    this.fail(reason)
  }
}

/** Everything a walk says, for answers that are not streamed. */
export async function gather(walk: Walk): Promise<{ chunks: Uint8Array[]; summary: Summary }> {
  const chunks: Uint8Array[] = []
  for await (const { bytes, end } of walk) {
    if (bytes.byteLength > 0) chunks.push(bytes)
    if (end !== undefined) return { chunks, summary: end }
  }
  throw new Error('the walk ended without a summary')
}
