// One terminal: its program, its window, its input, its output, its end. It is born running and ends once: after the
// exit of its program everything written is read, up to the end that the kernel announces. Only then the master is
// closed and the exit told. If another process holds the terminal when its program has exited, that process gets half a
// second to write more; then the terminal is hung up (P-09): its reads are an end of file, its writes an error (EIO).

import { closeSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'
import { freshRandom } from '../../base/fresh-random.ts'
import { whenDone } from '../../base/waiting.ts'
import { setWindowSize, type Pty, type WindowSize } from '../../native/pty.ts'
import { InputRing } from '../../threads/terminal/input-ring.ts'
import { INPUT_BYTES } from '../../threads/terminal/layout.ts'
import type { RingPart } from '../../threads/terminal/ring.ts'
import type { Leader } from '../processes/leader.ts'
import { endSession, KILLED_MS, TERMINAL_END, type SessionEnd } from '../processes/session-end.ts'
import { type Attachment, type Passage, TerminalOutput } from './output.ts'
import type { TerminalReader } from './reader.ts'
import { checkedWindow, scrollbackSize } from './sizes.ts'

export { INPUT_BYTES }

/** Time that the reader gets for the last output of a session that is gone: longer only on an overloaded machine. */
const LAST_OUTPUT_MS = 10_000

/** Time for which a terminal that others hold stays open after its program's exit: exit within 1 s, closed within 2. */
const HELD_MS = 500
/** Bytes of `life`. 48 bits: an id is given again after 254 others, so no client meets an equal one even by chance. */
const LIFE_BYTES = 6

interface TerminalSpec {
  /** 1 to 255: the byte that names it in a frame. */
  readonly id: number
  /** The words as requested, or the shell: what the replies show. */
  readonly command: readonly string[]
  readonly cwd: string
  readonly window: WindowSize
  /** Bytes of scrollback, within the bounds of sizes.ts. */
  readonly scrollback: number
}

interface TerminalExit {
  /** 128 + n if signal n ended it. */
  readonly code: number
  readonly signal: string | undefined
  readonly at: Date
}

export class Terminal {
  readonly id: number
  /** Short and random: only with it do an id and an offset mean this terminal's output. */
  readonly life = freshRandom(LIFE_BYTES).toString('base64url')
  readonly command: readonly string[]
  readonly cwd: string
  readonly pid: number
  readonly createdAt = new Date()
  /** Resolves with the exit, when every byte has been read and the master is closed; never rejects. */
  readonly ended: Promise<TerminalExit>
  readonly #output: TerminalOutput
  readonly #input: InputRing
  readonly #child: Leader
  readonly #pty: Pty
  readonly #reader: TerminalReader
  readonly #line: number
  readonly #over = Promise.withResolvers<void>()
  #window: WindowSize
  #scrollback: number
  #exit: TerminalExit | undefined
  #closing: Promise<SessionEnd> | undefined

  /** Takes over the child and both ends of the terminal. */
  constructor(spec: TerminalSpec, child: Leader, pty: Pty, reader: TerminalReader) {
    this.id = spec.id
    this.command = spec.command
    this.cwd = spec.cwd
    this.pid = child.pid
    this.#window = spec.window
    this.#scrollback = spec.scrollback
    this.#child = child
    this.#pty = pty
    this.#reader = reader
    this.#output = new TerminalOutput(reader.rings, spec.window, () => reader.wake())
    this.#input = new InputRing(this.#output.ring.shared)
    this.#line = reader.add(pty.master, this.#output.ring, {
      news: () => this.#output.grown(),
      over: () => this.#over.resolve(),
    })
    this.ended = this.#live()
  }

  get alive(): boolean {
    return this.#exit === undefined
  }

  /** The terminal's end; undefined while it lives. */
  get exit(): TerminalExit | undefined {
    return this.#exit
  }

  get window(): WindowSize {
    return this.#window
  }

  /** Bytes that are shown again to a client that attaches, and that `tail` returns at most. */
  get scrollback(): number {
    return this.#scrollback
  }

  /** Bytes it has ever written: the offset of the next. */
  get head(): number {
    return this.#output.head
  }

  /** Number of clients that follow it. */
  get attached(): number {
    return this.#output.attached
  }

  /** Bytes of input that the program has not taken yet. */
  get queued(): number {
    return this.alive ? this.#input.waiting : 0
  }

  /**
   * Returns a place in the output for a client that follows it: the scrollback, or what came after `since`, then
   * everything to come. `wake` is called when there may be more to read, and at the end. The client closes it.
   */
  attach({ since, wake }: { readonly since?: number | undefined; readonly wake: () => void }): Attachment {
    return this.#output.attach(this.#scrollback, since, wake)
  }

  /** Queues bytes for the program, all or none. Throws conflict after the exit, rate_limited above 1 MiB. */
  input(bytes: Uint8Array): void {
    this.#admit()
    const { queued } = this
    if (queued + bytes.byteLength > INPUT_BYTES) {
      const sentence =
        `terminal ${this.id} has ${queued} bytes of input that its program has not read; ` +
        `with these ${bytes.byteLength} there would be more than ${INPUT_BYTES}`
      const details = { id: String(this.id), queued, limit: INPUT_BYTES, unit: 'bytes of input' }
      throw new Fault('rate_limited', sentence, { details, retryAfter: 1 })
    }
    if (bytes.byteLength === 0) return
    this.#input.put(bytes)
    this.#reader.wake()
  }

  /** Throws bad_request outside the bounds, conflict after the exit. */
  resize(cols: number, rows: number): void {
    const window = checkedWindow(cols, rows)
    this.#admit()
    setWindowSize(this.#pty.master, window)
    this.#window = window
    this.#output.resize(window)
  }

  /** Returns the end of the output, at most the scrollback. */
  tail(most: number): RingPart {
    return this.#output.tail(Math.min(most, this.#scrollback))
  }

  /**
   * Returns a copy of the output from an offset on, as far as the ring reaches. An offset beyond the end stands for the
   * next byte.
   */
  passage(from: number, most: number): Passage {
    const start = Math.min(from, this.head)
    const excerpt = this.#output.range(start, most)
    return { ...excerpt, gap: excerpt.offset - start }
  }

  /** Resolves once there is a byte to read from `from` on, the terminal has ended, or `signal` aborts. */
  until(from: number, signal: AbortSignal): Promise<void> {
    return this.#output.until(Math.min(from, this.head), signal)
  }

  /** Sets the scrollback and returns the bytes that this amounts to (protocol.md#terminals). */
  setScrollback(bytes: number): number {
    return (this.#scrollback = scrollbackSize(bytes))
  }

  /** Forgets what has been written so far; its program goes on. */
  clear(): void {
    this.#output.clear()
  }

  /**
   * Ends what runs in it: HUP to every process group of the session, KILL a second later (../processes/session-end.ts).
   * Resolves when it has ended, or after 1 s more. If the program has ended, this ends what it left behind in its
   * session.
   */
  async close(): Promise<{ readonly survived: boolean }> {
    this.#closing ??= endSession(this.#child, TERMINAL_END)
    const { survived } = await this.#closing
    await whenDone(this.ended, undefined, survived ? KILLED_MS : LAST_OUTPUT_MS)
    if (!this.alive) this.letGo()
    return { survived }
  }

  /** Gives up the session's number: what the ended program left behind is not ended here any more. */
  letGo(): void {
    this.#child.release()
  }

  #admit(): void {
    if (this.alive) return
    throw new Fault('conflict', `terminal ${this.id} has ended; terminal_create opens a new one`, {
      details: { id: String(this.id) },
    })
  }

  async #live(): Promise<TerminalExit> {
    const { code, signal } = await this.#child.exited
    // In this order: the reader has to know what the hang-up means when it sees it.
    this.#reader.finish(this.#line)
    closeSync(this.#pty.slave)
    const held = setTimeout(() => this.#reader.cut(this.#line), HELD_MS)
    await this.#over.promise
    clearTimeout(held)
    closeSync(this.#pty.master)
    const exit = { code, signal, at: new Date() }
    this.#exit = exit
    this.#output.finish(code)
    void this.#release()
    return exit
  }

  /** Keeps the number of the session as long as something of it is left that `close` has to end. */
  async #release(): Promise<void> {
    await this.#closing
    if (this.#closing !== undefined || this.#child.sessionAlive() === false) this.letGo()
  }
}
