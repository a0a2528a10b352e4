// A process we started, which leads a session and a group of its own number. When it has ended it stays a
// zombie until its owner releases it, so its number cannot belong to a stranger while the owner still sends
// signals (reliability E-13).

import { errnoOf } from '../../base/fault.ts'
import { peekEnding, reap, type Ending } from '../../native/process.ts'
import { isDead, processes } from './process-table.ts'

/** How a child ended. `code` is 128 + n when signal n ended it; memory is an upper bound. */
export type ChildExit = Ending

export type GroupSignal = 'SIGTERM' | 'SIGKILL' | 'SIGHUP' | 'SIGINT' | 'SIGCONT'

export class Leader implements AsyncDisposable {
  readonly pid: number
  /** Never rejects. Says nothing about output that is still to be read. */
  readonly exited: Promise<ChildExit>
  readonly #ended = Promise.withResolvers<ChildExit>()
  readonly #gone: (pid: number) => void
  #state: 'running' | 'zombie' | 'reaped' = 'running'
  #released = false

  /** `gone` hears when the kernel has forgotten the number. */
  constructor(pid: number, gone: (pid: number) => void) {
    this.pid = pid
    this.exited = this.#ended.promise
    this.#gone = gone
  }

  /** Called once by the table of children: the process is a zombie now. */
  end(ending: Ending): void {
    this.#state = 'zombie'
    this.#ended.resolve(ending)
    if (this.#released) this.#reap()
  }

  /** Whether it has ended, as the kernel says now: `exited` may be a turn of the loop away. */
  hasEnded(): boolean {
    return this.#state !== 'running' || peekEnding(this.pid) !== undefined
  }

  /** Signals the whole process group while its number is certainly ours; false when nobody got it. */
  signalGroup(signal: GroupSignal): boolean {
    if (this.#state === 'reaped') return false
    // The kernel takes a signal for a zombie without a word, so who else is there has to be looked up.
    const received = this.#state === 'running' || this.groupAlive()
    try {
      return process.kill(-this.pid, signal) && received
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ESRCH' || errno === 'EPERM') return false // gone, or all of another user
      throw error
    }
  }

  /** Whether any process of the group besides this one lives, or may live where nobody can look now. */
  groupAlive(): boolean {
    if (this.#state === 'reaped') return false
    try {
      for (const entry of processes()) {
        if (entry.group === this.pid && entry.pid !== this.pid && !isDead(entry)) return true
      }
      return false
    } catch {
      return true
    }
  }

  /** The owner is done with process and group: the kernel may forget the number. Idempotent. */
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
    this.signalGroup('SIGKILL')
    await this.exited
    this.release()
  }
}
