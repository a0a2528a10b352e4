// The main thread's side of the terminal reader (threads/terminal-reader.ts): one thread for all terminals, started
// with the first. A message to it is followed by a byte into the pipe that it waits on. Messages from it are coalesced:
// rings have grown (`news`, then output.ts), or a master will not be touched any more (`over`, then terminal.ts).

import { closeSync, writeSync } from 'node:fs'
import { startWorker } from '../../base/assets.ts'
import type { Fault } from '../../base/fault.ts'
import { WorkerPort } from '../../base/port.ts'
import { exitAfterLastCall, openLastCall, sayLastCall, type LastCall } from '../../native/last-call.ts'
import { openPipe } from '../../native/libc.ts'
import {
  CONTROL_BYTES,
  NEWS,
  STOP,
  WOKEN,
  type FromReader,
  type ReaderStart,
  type ToReader,
} from '../../threads/terminal/messages.ts'
import { TerminalRing } from '../../threads/terminal/ring.ts'
import { KeptStates } from '../../threads/terminal/kept-states.ts'

interface LineEvents {
  /** Called when the ring has more bytes. */
  readonly news: () => void
  /** Called when every byte is in the ring and the master is the caller's again. */
  readonly over: () => void
}

interface ReaderLine {
  readonly ring: TerminalRing
  readonly events: LineEvents
  seen: number
}

interface RunningThread {
  readonly port: WorkerPort<ToReader, FromReader>
  readonly pipe: { readonly reader: number; readonly writer: number }
  readonly lastCall: LastCall
  readonly up: PromiseWithResolvers<void>
}

/** Rings that wait for a terminal at most; the garbage collector gets the others. */
const SPARE_RINGS = 4
const BYTE = Buffer.alloc(1)

export class TerminalReader implements AsyncDisposable {
  /** Rings for its lines. */
  readonly rings = new SpareRings()
  readonly #lines = new Map<number, ReaderLine>()
  readonly #cells = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES))
  readonly #stop = (code: number) => this.#leave(code)
  #running: RunningThread | undefined
  #last = 0
  #closed = false

  /**
   * Resolves once the thread runs. Throws the error that keeps it from running, such as no free descriptor; the next
   * call tries anew.
   */
  async open(): Promise<void> {
    if (this.#closed) return
    this.#running ??= this.#start()
    await this.#running.up.promise
  }

  /** Hands the master to the reader until `over`. Returns the line's number. */
  add(master: number, ring: TerminalRing, events: LineEvents): number {
    const line = ++this.#last
    this.#lines.set(line, { ring, events, seen: 0 })
    this.#post({ type: 'add', line, master, shared: ring.shared })
    return line
  }

  /**
   * Tells the reader that the program has ended and the slave is about to be closed here: it reads what is left, up to
   * the end.
   */
  finish(line: number): void {
    this.#post({ type: 'finish', line })
  }

  /** Tells the reader that no end will come: what is there now is the last. */
  cut(line: number): void {
    this.#post({ type: 'cut', line })
  }

  /** Makes it look at its lines again: a limit was raised, or input waits. */
  wake(): void {
    if (this.#running === undefined || Atomics.exchange(this.#cells, WOKEN, 1) === 1) return
    writeSync(this.#running.pipe.writer, BYTE)
  }

  #post(message: ToReader): void {
    if (this.#closed) return
    this.#running ??= this.#start()
    this.#running.port.say(message)
    this.wake()
  }

  #start(): RunningThread {
    const pipe = openPipe()
    const lastCall = openLastCall()
    const start: ReaderStart = { wake: pipe.reader, control: this.#cells.buffer, lastCall }
    const port = this.#startThread(start, pipe)
    // A thread in poll(2) would keep process.exit() from returning.
    process.once('exit', this.#stop)
    const up = Promise.withResolvers<void>()
    up.promise.catch(() => {}) // each caller of `open` hears of it
    return { port, pipe, lastCall, up }
  }

  /** Throws the error that keeps the thread from starting, with the pipe closed. */
  #startThread(start: ReaderStart, pipe: RunningThread['pipe']): RunningThread['port'] {
    try {
      return new WorkerPort<ToReader, FromReader>(startWorker('terminal-reader', start), 'the terminal reader', {
        heard: (message) => this.#hear(message),
        failed: (reason) => this.#failed(reason),
      })
    } catch (error) {
      closeSync(pipe.reader)
      closeSync(pipe.writer)
      throw error
    }
  }

  /** With terminals the error ends the daemon, as it is not caught: they cannot be served any more. */
  #failed(reason: Fault): void {
    if (this.#running !== undefined) sayLastCall(this.#running.lastCall) // it cannot say so itself
    if (this.#running === undefined || this.#lines.size > 0) throw reason
    const { pipe, up } = this.#running
    this.#running = undefined
    process.off('exit', this.#stop)
    closeSync(pipe.reader)
    closeSync(pipe.writer)
    up.reject(reason)
  }

  #hear(message: FromReader): void {
    if (message.type === 'up') {
      this.#running?.up.resolve()
      return
    }
    if (message.type === 'over') {
      const line = this.#lines.get(message.line)
      this.#lines.delete(message.line)
      line?.events.over()
      return
    }
    // First, so that bytes appended from here on are told again.
    Atomics.store(this.#cells, NEWS, 0)
    for (const line of this.#lines.values()) {
      const { head } = line.ring
      if (head === line.seen) continue
      line.seen = head
      line.events.news()
    }
  }

  #sayStop(): void {
    Atomics.store(this.#cells, STOP, 1)
    this.wake()
  }

  #leave(code: number): void {
    this.#sayStop()
    if (this.#running !== undefined) exitAfterLastCall(this.#running.lastCall, code)
  }

  /** Ends the thread. Masters still with the reader are the callers' to close after this. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const running = this.#running
    if (running === undefined) return
    const { pipe, port } = running
    this.#sayStop()
    await port.untilExit()
    this.#running = undefined
    process.off('exit', this.#stop)
    closeSync(pipe.reader)
    closeSync(pipe.writer)
  }
}

/**
 * Rings in turn: a terminal that has ended leaves its ring to the next. The reader thread seldom collects garbage, so
 * memory that it once shared would stay long after its last use.
 */
export class SpareRings {
  readonly #spare: TerminalRing[] = []

  take(): TerminalRing {
    const spare = this.#spare.pop()
    if (spare !== undefined) return spare
    const ring = new TerminalRing()
    new KeptStates(ring.shared).clear()
    return ring
  }

  /** Takes a ring back that neither its reader nor its terminal uses any more. */
  give(ring: TerminalRing): void {
    if (this.#spare.length >= SPARE_RINGS) return
    ring.reset()
    new KeptStates(ring.shared).clear()
    this.#spare.push(ring)
  }
}
