// The way into a task's stdin. Writers take turns; each waits until the child has taken its bytes, the child
// is gone, the caller has left, or nothing has moved for 30 s. Nothing is queued beyond one slice, so a
// writer's speed is the child's (reliability E-07).

import type { Writable } from 'node:stream'
import { Fault } from '../fault.ts'

/** Progress is seen in steps of this size. */
const SLICE_BYTES = 16 * 1024
export const INPUT_STALL_MS = 30_000

export interface InputWait {
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignal
  /** No limit when undefined: the task's own first input may be read at leisure. */
  readonly stallMs?: number | undefined
}

type Outcome = 'taken' | 'gone' | 'left' | 'stalled'

export class TaskInput {
  readonly #id: string
  readonly #stdin: Writable | undefined
  readonly #gone = Promise.withResolvers<'gone'>()
  #turn: Promise<unknown> = Promise.resolve()
  /** The slice written last; stays undecided while the child does not take it. */
  #last: Promise<unknown> = Promise.resolve()
  /** Why nothing more can be written, as the end of a sentence. */
  #closed: string | undefined

  constructor(id: string, stdin: Writable | undefined) {
    this.#id = id
    this.#stdin = stdin
    if (stdin === undefined) this.#closed = 'was started with an empty stdin'
    // EPIPE and the like: the write's own callback tells; without a listener it would end the daemon.
    stdin?.on('error', () => this.#close('has closed its stdin'))
    stdin?.once('close', () => this.#close('has closed its stdin'))
  }

  /** Writes all of `source`, in turn; returns the bytes written. Throws conflict, timeout, unavailable. */
  async write(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, wait: InputWait = {}): Promise<number> {
    const before = this.#turn
    const turn = Promise.withResolvers<void>()
    this.#turn = turn.promise
    try {
      await this.#until(0, before, wait)
      return await this.#writeAll(source, wait)
    } finally {
      // Whoever gave up waiting must not let the next one overtake those before it.
      void before.then(() => turn.resolve())
    }
  }

  /** Ends stdin after what has been written: the child reads end of file. */
  end(): void {
    if (this.#closed !== undefined) return
    this.#closed = 'has had its stdin closed (eof)'
    this.#stdin?.end()
  }

  /** The child is gone. */
  finish(): void {
    this.#close('has finished')
    this.#closed = 'has finished'
    this.#stdin?.destroy()
  }

  #close(reason: string): void {
    this.#closed ??= reason
    this.#gone.resolve('gone')
  }

  async #writeAll(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, wait: InputWait): Promise<number> {
    if (this.#closed !== undefined) throw this.#refusal('gone', 0, wait)
    const chunks = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    let written = 0
    for (;;) {
      // Given up, the source is left as it is: its owner (the request) knows what to do with the rest.
      const next = Promise.resolve(chunks.next())
      const step = await Promise.race([next, this.#gone.promise])
      if (step === 'gone') {
        next.catch(() => undefined)
        throw this.#refusal('gone', written, wait)
      }
      if (step.done === true) return written
      for (let start = 0; start < step.value.byteLength; start += SLICE_BYTES) {
        const slice = step.value.subarray(start, start + SLICE_BYTES)
        // A slice that an earlier writer gave up waiting for goes first.
        if (this.#stdin !== undefined && this.#stdin.writableLength > 0) await this.#until(written, this.#last, wait)
        this.#last = this.#put(slice)
        await this.#until(written, this.#last, wait)
        written += slice.byteLength
      }
    }
  }

  #put(slice: Uint8Array): Promise<Outcome> {
    return new Promise((resolve) => {
      const taken = (error?: Error | null): void => resolve(error ? 'gone' : 'taken')
      if (this.#stdin === undefined || this.#closed !== undefined) resolve('gone')
      else this.#stdin.write(slice, taken)
    })
  }

  /** Waits for `work`; throws when the child goes, the caller leaves or the time passes first. */
  async #until(written: number, work: Promise<unknown>, wait: InputWait): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const leave = (): void => resolve('left')
    const timer = wait.stallMs === undefined ? undefined : setTimeout(() => resolve('stalled'), wait.stallMs)
    wait.signal?.addEventListener('abort', leave, { once: true })
    if (wait.signal?.aborted === true) leave()
    try {
      const outcome = await Promise.race([work, promise, this.#gone.promise])
      if (outcome === 'gone' || outcome === 'left' || outcome === 'stalled') throw this.#refusal(outcome, written, wait)
    } finally {
      clearTimeout(timer)
      wait.signal?.removeEventListener('abort', leave)
    }
  }

  #refusal(outcome: Exclude<Outcome, 'taken'>, written: number, wait: InputWait): Fault {
    const details = { id: this.#id, bytes_written: written }
    const so = `${written} bytes were written`
    switch (outcome) {
      case 'gone':
        return new Fault('conflict', `task ${this.#id} ${this.#closed ?? 'has closed its stdin'}; ${so}`, { details })
      case 'left':
        return new Fault('unavailable', `the caller left while task ${this.#id} had not taken its input; ${so}`, {
          details,
        })
      case 'stalled':
        return new Fault('timeout', `task ${this.#id} has read nothing for ${(wait.stallMs ?? 0) / 1000} s; ${so}`, {
          details,
        })
    }
  }
}
