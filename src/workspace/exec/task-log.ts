// The output of one task, in the order it came: what is kept of it, and its live readers. A reader first gets what is
// kept and then what comes, out of one chain of chunks, so there is no seam. The slowest reader paces the child
// (protocol.md#exec-streams): `append` → `repace` → `TaskPipes.pause`. A reader that is closed lets the child go on at
// once.

import { Waiters } from '../../base/waiting.ts'
import {
  HEAD_BYTES,
  Head,
  KEPT_TAIL_BYTES,
  Slabs,
  TAIL_BYTES,
  Tail,
  type Excerpt,
  type OutputBudget,
  type StreamName,
  type TailPiece,
} from './task-output.ts'

export interface LogChunk {
  readonly stream: StreamName
  readonly bytes: Buffer
}

/** Bytes that a reader may be behind before the child is paused; below half of it the child goes on. */
const BEHIND_BYTES = 256 * 1024
/** Least bytes that a chunk counts as, so that tiny ones cannot pile up as objects. */
const CHUNK_COST = 256
/** Most bytes of neighbouring chunks of one stream that are handed out together. */
const JOINED_BYTES = 64 * 1024
/** Size from which a chunk goes out as it is: joining is a copy that is garbage at once. */
const WORTHY_BYTES = 16 * 1024

interface Link {
  readonly chunk: LogChunk
  /** Place in the order of both streams. */
  readonly order: number
  next: Link | undefined
}

interface TaskLogOptions {
  readonly keepLogs: boolean
  /** True if the beginning is kept too, for the synchronous reply. */
  readonly head: boolean
  readonly budget: OutputBudget
  /** Called with true when the child must wait for a reader, with false when it may go on. */
  readonly pace: (paused: boolean) => void
}

export class TaskLog {
  readonly #streams: Readonly<Record<StreamName, { tail: Tail; head: Head | undefined; slabs: Slabs; total: number }>>
  readonly #readers = new Set<LogReader>()
  readonly #waiters = new Waiters()
  readonly #pace: (paused: boolean) => void
  /** Newest link of the chain: readers hold the links they have not read, and nothing holds the rest. */
  #last: Link = { chunk: { stream: 'stdout', bytes: Buffer.alloc(0) }, order: -1, next: undefined }
  #order = 0
  /** Pieces before this one are also in a head or a reply, and their memory is not given back early. */
  #lent = 0
  #paused = false
  #pacing = true
  #ended = false

  constructor(options: TaskLogOptions) {
    const { budget } = options
    const stream = () => ({
      tail: new Tail(options.keepLogs ? KEPT_TAIL_BYTES : TAIL_BYTES, budget, (piece) => this.#free(piece)),
      head: options.head ? new Head(HEAD_BYTES, budget) : undefined,
      slabs: new Slabs(),
      total: 0,
    })
    this.#streams = { stdout: stream(), stderr: stream() }
    this.#pace = options.pace
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Bytes of the stream since its start, kept or not. */
  total(stream: StreamName): number {
    return this.#streams[stream].total
  }

  get keptBytes(): number {
    return this.#streams.stdout.tail.bytes + this.#streams.stderr.tail.bytes
  }

  append(stream: StreamName, came: Buffer): void {
    const kept = this.#streams[stream]
    const bytes = kept.slabs.place(came)
    const follows = this.#last.chunk.stream === stream
    kept.total += bytes.byteLength
    const order = this.#order++
    if (kept.head?.append(bytes) === true) this.#lent = this.#order
    kept.tail.append(order, bytes, follows)
    const link: Link = { chunk: { stream, bytes }, order, next: undefined }
    this.#last.next = link
    this.#last = link
    for (const reader of this.#readers) reader.came(costOf(bytes))
    this.#waiters.wake()
    this.repace()
  }

  /** Stops pacing: after the exit the pipes are emptied at once, however slow the readers are. */
  endPacing(): void {
    this.#pacing = false
    this.repace()
  }

  /** Notes the end of the output: readers end once they have read what there is. */
  end(): void {
    this.#ended = true
    for (const reader of this.#readers) reader.wake()
    this.#waiters.wake()
  }

  /** Resolves once `done` holds, which is asked after each chunk and at the end, or when `signal` aborts. */
  until(done: () => boolean, signal: AbortSignal): Promise<void> {
    return this.#waiters.until(done, signal)
  }

  tail(stream: StreamName): Excerpt {
    const excerpt = this.#streams[stream].tail.excerpt(this.total(stream))
    // While more comes, pieces may leave the tail and give their memory back: the caller gets a copy.
    return this.#ended ? excerpt : { ...excerpt, pieces: [Buffer.concat(excerpt.pieces, excerpt.bytes)] }
  }

  /** Returns the beginning of the stream; undefined if it was not asked for. */
  head(stream: StreamName): Excerpt | undefined {
    return this.#streams[stream].head?.excerpt(this.total(stream))
  }

  releaseHeads(): void {
    this.#streams.stdout.head?.release()
    this.#streams.stderr.head?.release()
  }

  releaseTails(): void {
    this.#streams.stdout.tail.release()
    this.#streams.stderr.tail.release()
  }

  /** Returns a reader of everything kept and everything to come. Its owner closes it. */
  read(): LogReader {
    const { stdout, stderr } = this.#streams
    const kept = [
      ...stdout.tail.pieces().map(({ order, bytes }) => ({ order, chunk: { stream: 'stdout' as const, bytes } })),
      ...stderr.tail.pieces().map(({ order, bytes }) => ({ order, chunk: { stream: 'stderr' as const, bytes } })),
    ].sort((a, b) => a.order - b.order)
    let first: Link | undefined
    for (const { chunk, order } of kept.toReversed()) first = { chunk, order, next: first }
    const start: Link = { chunk: this.#last.chunk, order: -1, next: first }
    const reader = new LogReader(this, start, this.#last, {
      stdout: stdout.total - stdout.tail.bytes,
      stderr: stderr.total - stderr.tail.bytes,
    })
    this.#readers.add(reader)
    this.repace()
    return reader
  }

  /**
   * Gives a large piece's memory back at once. The garbage collector would let some hundred MiB of such pieces gather
   * while a program prints a gigabyte.
   */
  #free({ order, own }: TailPiece): void {
    if (own === undefined || order < this.#lent) return
    for (const reader of this.#readers) if (reader.position <= order) return
    own.transfer(0)
  }

  /** Removes a reader; called by the reader alone. */
  forget(reader: LogReader): void {
    this.#readers.delete(reader)
    this.repace()
  }

  /** Pauses or resumes the child as the slowest reader demands. */
  repace(): void {
    let behind = 0
    if (this.#pacing) for (const reader of this.#readers) behind = Math.max(behind, reader.behind)
    const pause = behind > (this.#paused ? BEHIND_BYTES / 2 : BEHIND_BYTES)
    if (pause === this.#paused) return
    this.#paused = pause
    this.#pace(pause)
  }
}

function costOf(bytes: Buffer): number {
  return Math.max(CHUNK_COST, bytes.byteLength)
}

/**
 * A place in a task's output. One `next` at a time. Its wait is a bare promise, not one of base/waiting: there is one
 * for each chunk of output, and `close` ends it.
 */
export class LogReader {
  readonly #log: TaskLog
  /** The link read last. */
  #at: Link
  /** The link at which the chain goes on after the kept chunks; undefined once it has. */
  #live: Link | undefined
  #behind = 0
  #closed = false
  #waiting: ((chunk: LogChunk | undefined) => void) | undefined
  /** Bytes of each stream that were dropped before this reader came. */
  readonly gap: Readonly<Record<StreamName, number>>

  constructor(log: TaskLog, start: Link, live: Link, gap: Readonly<Record<StreamName, number>>) {
    this.#log = log
    this.#at = start
    this.#live = live
    this.gap = gap
    for (let link = start.next; link !== undefined; link = link.next) this.#behind += costOf(link.chunk.bytes)
  }

  /** Order of the last chunk read: nothing before it is needed any more. */
  get position(): number {
    return this.#at.order
  }

  get behind(): number {
    return this.#behind
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Resolves with the next chunk; with undefined at the end of the output, or once closed. */
  next(): Promise<LogChunk | undefined> {
    const chunk = this.#take()
    if (chunk !== undefined || this.#closed || this.#log.ended) return Promise.resolve(chunk)
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#live = undefined
    this.#at = { ...this.#at, next: undefined }
    this.#log.forget(this)
    this.wake()
  }

  /** Called by the log: `cost` more bytes are in the chain. */
  came(cost: number): void {
    this.#behind += cost
    if (this.#waiting !== undefined) this.wake()
  }

  /** Called by the log: something came, or nothing will. */
  wake(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(this.#take())
  }

  #take(): LogChunk | undefined {
    const first = this.#step()
    if (first === undefined) return undefined
    const { stream } = first.chunk
    const pieces = [first.chunk.bytes]
    let bytes = first.chunk.bytes.byteLength
    for (let next = this.#peek(); next !== undefined && bytes < WORTHY_BYTES; next = this.#peek()) {
      bytes += next.chunk.bytes.byteLength
      if (next.chunk.stream !== stream || bytes > JOINED_BYTES) break
      pieces.push(next.chunk.bytes)
      this.#step()
    }
    this.#log.repace()
    return pieces.length === 1 ? first.chunk : { stream, bytes: Buffer.concat(pieces) }
  }

  #peek(): Link | undefined {
    if (this.#at.next === undefined && this.#live !== undefined) {
      this.#at = this.#live
      this.#live = undefined
    }
    return this.#at.next
  }

  #step(): Link | undefined {
    const next = this.#peek()
    if (next === undefined) return undefined
    this.#at = next
    this.#behind -= costOf(next.chunk.bytes)
    return next
  }
}
