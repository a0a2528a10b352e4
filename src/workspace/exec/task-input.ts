// The way into a task's stdin. Writers take turns. Each waits until the child has taken its bytes, the child is gone,
// the caller has left, or nothing has moved for 30 s. At most one slice is queued, so a writer is as fast as the child
// reads (E-07).

import type { Writable } from 'node:stream'
import { Fault } from '../../base/fault.ts'

/** Bytes of one write: progress is seen in steps of this size. */
const SLICE_BYTES = 16 * 1024
export const INPUT_STALL_MS = 30_000

interface InputWait {
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignal
  /** Longest time without progress; undefined: no limit, since the task's own first input may be read at leisure. */
  readonly stallMs?: number
}

/** Why a wait ended early: the child or its stdin is gone, the caller left, or nothing moved. */
type WaitEnd = 'gone' | 'left' | 'stalled'

/**
 * Ends the waits of one writer. One object for all of them: racing each wait against promises that live as long as the
 * task would keep every chunk alive until its end.
 */
class WriterWait implements Disposable {
  readonly #wait: InputWait
  readonly #timer: NodeJS.Timeout | undefined
  readonly #leave = (): void => this.stop('left')
  #stopped: WaitEnd | undefined
  #settle: ((stop: WaitEnd) => void) | undefined
  /** True while the wait is for the child: only that time counts. */
  #counts = false

  constructor(wait: InputWait) {
    this.#wait = wait
    if (wait.stallMs !== undefined) this.#timer = setTimeout(() => this.#late(), wait.stallMs)
    wait.signal?.addEventListener('abort', this.#leave, { once: true })
    if (wait.signal?.aborted === true) this.#leave()
  }

  stop(reason: WaitEnd): void {
    this.#stopped ??= reason
    this.#settle?.(this.#stopped)
  }

  /** Resolves with the value of `work`, or with why it is not waited for any longer. */
  first<T>(work: Promise<T>, counts: boolean): Promise<T | WaitEnd> {
    this.#counts = counts
    this.#timer?.refresh()
    return new Promise((resolve, reject) => {
      this.#settle = resolve
      work.then(resolve, reject)
      if (this.#stopped !== undefined) resolve(this.#stopped)
    })
  }

  #late(): void {
    if (this.#counts) this.stop('stalled')
    else this.#timer?.refresh()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#wait.signal?.removeEventListener('abort', this.#leave)
  }
}

export class TaskInput {
  readonly #id: string
  readonly #stdin: Writable | undefined
  readonly #writers = new Set<WriterWait>()
  #turn: Promise<void> = Promise.resolve()
  /** Write of the last slice; pending while the child does not take it. */
  #last: Promise<WaitEnd | undefined> = Promise.resolve(undefined)
  /** Why nothing more can be written, as the end of a sentence. */
  #closed: string | undefined

  constructor(id: string, stdin: Writable | undefined) {
    this.#id = id
    this.#stdin = stdin
    if (stdin === undefined) this.#closed = 'was started with an empty stdin'
    // The write's own callback reports EPIPE; without a listener the error would end the daemon.
    stdin?.on('error', () => this.#close('has closed its stdin'))
    stdin?.once('close', () => this.#close('has closed its stdin'))
  }

  /** Writes all of `source`, in turn, and returns the bytes written. Throws `conflict`, `timeout`, `unavailable`. */
  async write(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, wait: InputWait = {}): Promise<number> {
    const before = this.#turn
    const turn = Promise.withResolvers<void>()
    this.#turn = turn.promise
    using patience = new WriterWait(wait)
    this.#writers.add(patience)
    const progress = { written: 0 }
    try {
      const stop = (await patience.first(before, true)) ?? (await this.#writeAll(source, patience, progress))
      if (stop !== undefined) throw this.#refusal(stop, progress.written, wait)
      return progress.written
    } finally {
      this.#writers.delete(patience)
      // A writer that gave up must not let the next one overtake those before it.
      void before.then(() => turn.resolve())
    }
  }

  /** Ends stdin after what has been written: the child reads end of file. */
  end(): void {
    if (this.#closed !== undefined) return
    this.#closed = 'has had its stdin closed (eof)'
    this.#stdin?.end()
  }

  /** Notes that the child is gone. */
  finish(): void {
    this.#close('has finished')
    this.#closed = 'has finished'
    this.#stdin?.destroy()
  }

  #close(reason: string): void {
    this.#closed ??= reason
    for (const writer of this.#writers) writer.stop('gone')
  }

  async #writeAll(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    patience: WriterWait,
    progress: { written: number },
  ): Promise<WaitEnd | undefined> {
    if (this.#closed !== undefined) return 'gone'
    const chunks = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    for (;;) {
      // After giving up we leave the source as it is: its owner, the request, disposes of the rest.
      const step = await patience.first(Promise.resolve(chunks.next()), false)
      if (typeof step === 'string') return step
      if (step.done === true) return undefined
      for (let start = 0; start < step.value.byteLength; start += SLICE_BYTES) {
        const slice = step.value.subarray(start, start + SLICE_BYTES)
        const stop = await this.#put(slice, patience)
        if (stop !== undefined) return stop
        progress.written += slice.byteLength
      }
    }
  }

  /** Resolves once the child has taken the slice. */
  async #put(slice: Uint8Array, patience: WriterWait): Promise<WaitEnd | undefined> {
    const stdin = this.#stdin
    if (stdin === undefined) return 'gone'
    // A slice that an earlier writer gave up waiting for goes first.
    const stop = stdin.writableLength > 0 ? await patience.first(this.#last, true) : undefined
    if (stop !== undefined) return stop
    if (this.#closed !== undefined) return 'gone'
    const taken = new Promise<WaitEnd | undefined>((resolve) => {
      stdin.write(slice, (error) => resolve(error ? 'gone' : undefined))
    })
    this.#last = taken
    return patience.first(taken, true)
  }

  #refusal(outcome: WaitEnd, written: number, wait: InputWait): Fault {
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
