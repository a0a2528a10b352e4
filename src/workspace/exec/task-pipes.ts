// The two pipes that a task's output comes through. Their bytes go into the task's log while the command runs. After
// its exit they are drained until they end or are quiet, and from then on read to nothing as long as a process holds
// them. They stay open until the daemon ends: a process that writes into a closed pipe would die of SIGPIPE (E-01).

import type { Readable } from 'node:stream'
import { whenDone } from '../../base/waiting.ts'
import type { Child } from '../processes/child.ts'
import type { StreamName } from './task-output.ts'

/** Longest time that pipes are read after the exit before the task counts as ended (protocol.md#exec-task). */
const DRAIN_MS = 500
/** Pause between two looks: a pipe is quiet if nothing came and nothing waited at both. */
const QUIET_MS = 10
/**
 * Most bytes that the process itself can have left in a pipe at its exit (/proc/sys/fs/pipe-max-size). What comes
 * beyond is from other processes that hold the pipe.
 */
const PIPE_BYTES = 1024 * 1024

export class TaskPipes {
  readonly #child: Child
  readonly #open = new Map<Readable, StreamName>()
  readonly #ended = Promise.withResolvers<void>()
  #take: ((stream: StreamName, bytes: Buffer) => void) | undefined
  #came: Record<StreamName, number> = { stdout: 0, stderr: 0 }

  constructor(child: Child, take: (stream: StreamName, bytes: Buffer) => void) {
    this.#child = child
    this.#take = take
    for (const name of ['stdout', 'stderr'] as const) {
      const pipe = child[name]
      const gone = (): void => {
        this.#open.delete(pipe)
        if (this.#open.size === 0) this.#ended.resolve()
      }
      this.#open.set(pipe, name)
      pipe.on('data', (bytes: Buffer) => {
        this.#came[name] += bytes.byteLength
        this.#take?.(name, bytes)
      })
      pipe.once('end', gone).once('close', gone).on('error', gone)
    }
  }

  /** Resolves once both have ended. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  pause(paused: boolean): void {
    for (const pipe of this.#open.keys()) {
      if (paused) pipe.pause()
      else pipe.resume()
    }
  }

  /**
   * Resolves after the exit, once everything that the process wrote has been taken; after that nothing is. True if a
   * process still holds a pipe. Immediate if both have ended.
   */
  async drain(): Promise<boolean> {
    this.pause(false)
    this.#came = { stdout: 0, stderr: 0 }
    const deadline = performance.now() + DRAIN_MS
    let before = 0
    let quiet = this.#idle()
    for (;;) {
      if (this.#open.size > 0) await whenDone(this.#ended.promise, undefined, QUIET_MS)
      if (this.#open.size === 0) break
      const came = this.#came.stdout + this.#came.stderr
      const idle = this.#idle()
      if (idle && quiet && came === before) break
      // It is late, but what waits may still be the process's own: an idle moment or a full pipe's worth ends the
      // drain.
      if (performance.now() > deadline && (idle || this.#beyondExit())) break
      quiet = idle
      before = came
    }
    this.#take = undefined
    return this.#open.size > 0
  }

  /** Closes the pipes at the end of the daemon: processes that still write get SIGPIPE. */
  close(): void {
    for (const pipe of this.#open.keys()) pipe.destroy()
  }

  /** Returns true if nothing waits in the kernel or in a stream's own buffer. */
  #idle(): boolean {
    return this.#child.outputIdle() && [...this.#open.keys()].every((pipe) => pipe.readableLength === 0)
  }

  #beyondExit(): boolean {
    return [...this.#open.values()].every((name) => this.#came[name] > PIPE_BYTES)
  }
}
