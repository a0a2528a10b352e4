// A process that we started, which leads the session and the process group of its number. When it has ended it stays a
// zombie until its owner releases it, so its number cannot belong to a stranger while the owner still sends signals
// (E-13).

import { peekEnding, reap, type Ending } from '../../native/process.ts'
import { membersOf, sendTo, signalGroups, type SessionSignal } from './session.ts'

/** The end of a child. `code` is 128 + n if signal n ended it; memory is an upper bound. */
export type ChildExit = Ending

export class Leader implements AsyncDisposable {
  readonly pid: number
  /** Resolves with the end; never rejects. Output may still be left to read. */
  readonly exited: Promise<ChildExit>
  readonly #ended = Promise.withResolvers<ChildExit>()
  readonly #gone: (pid: number) => void
  #state: 'running' | 'zombie' | 'reaped' = 'running'
  #released = false

  /** `gone` is called when the kernel has forgotten the number. */
  constructor(pid: number, gone: (pid: number) => void) {
    this.pid = pid
    this.exited = this.#ended.promise
    this.#gone = gone
  }

  /** Notes the end; called once, by the table of children: the process is a zombie now. */
  end(ending: Ending): void {
    this.#state = 'zombie'
    this.#ended.resolve(ending)
    if (this.#released) this.#reap()
  }

  /** Returns true if it has ended, as the kernel says now: `exited` may be a turn of the loop away. */
  hasEnded(): boolean {
    return this.#state !== 'running' || peekEnding(this.pid) !== undefined
  }

  /**
   * Signals every process group of the session while its number is certainly ours; false if no process got it. It may
   * miss a process that is made meanwhile: a caller that means to end them all looks again.
   */
  signalSession(signal: SessionSignal): boolean {
    if (this.#state === 'reaped') return false
    // Its own group first: at the leader's number, which no other process can take.
    const sent = sendTo(this.pid, signal)
    const others = membersOf(this.pid)
    if (others === undefined) return sent
    const reached = signalGroups(others, signal)
    // The kernel takes a signal for a zombie without an error, so the other members had to be looked up.
    return reached || (sent && (this.#state === 'running' || others.some(({ group }) => group === this.pid)))
  }

  /** Signals its own process group alone, without a look at others: for programs that start none. */
  signalGroup(signal: SessionSignal): boolean {
    return this.#state !== 'reaped' && sendTo(this.pid, signal)
  }

  /** Returns true if a process of the session besides this one lives; undefined if /proc cannot be read now. */
  sessionAlive(): boolean | undefined {
    if (this.#state === 'reaped') return false
    const others = membersOf(this.pid)
    return others === undefined ? undefined : others.length > 0
  }

  /** Lets the kernel forget the number: the owner is done with process and group. Idempotent. */
  release(): void {
    if (this.#released) return
    this.#released = true
    if (this.#state === 'zombie') this.#reap()
  }

  #reap(): void {
    reap(this.pid)
    this.#state = 'reaped'
    this.#gone(this.pid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signalSession('SIGKILL')
    await this.exited
    this.release()
  }
}
