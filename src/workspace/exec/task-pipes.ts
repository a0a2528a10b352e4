// The two pipes a task's output comes through: read into its log while it runs, drained after its exit until
// they end or are quiet, and from then on read to nothing as long as somebody holds them. Before the daemon
// itself ends they are not closed from this side: their writers would die of SIGPIPE (E-01).

import type { Readable } from 'node:stream'
import type { Child } from '../processes/child.ts'
import type { StreamName } from './task-output.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionSignal } from '../processes/session.ts'

/** Longest time that pipes are read after the exit before the task counts as ended (protocol.md#exec-task). */
const DRAIN_MS = 500
/** Nothing came and nothing waited twice, this far apart: quiet. */
const QUIET_MS = 10
/**
 * What the process itself can have left in a pipe when it exited (/proc/sys/fs/pipe-max-size). What comes
 * beyond is from others who hold the pipe.
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
   * After the exit: everything the process wrote has been taken once this resolves; then nothing more is.
   * True when somebody still holds a pipe. Immediate where both end.
   */
  async drain(): Promise<boolean> {
    this.pause(false)
    this.#came = { stdout: 0, stderr: 0 }
    const deadline = performance.now() + DRAIN_MS
    let before = 0
    let quiet = this.#idle()
    for (;;) {
      await this.#endWithin(QUIET_MS)
      if (this.#open.size === 0) break
      const came = this.#came.stdout + this.#came.stderr
      const idle = this.#idle()
      if (idle && quiet && came === before) break
      // Late, yet what waits may still be the process's own: an idle moment or a full pipe's worth ends it.
      if (performance.now() > deadline && (idle || this.#beyondExit())) break
      quiet = idle
      before = came
    }
    this.#take = undefined
    return this.#open.size > 0
  }

  /** For the end of the daemon: those who still write get SIGPIPE. */
  close(): void {
    for (const pipe of this.#open.keys()) pipe.destroy()
  }

  /** Nothing waits in the kernel or in a stream's own buffer. */
  #idle(): boolean {
    return this.#child.outputIdle() && [...this.#open.keys()].every((pipe) => pipe.readableLength === 0)
  }

  #beyondExit(): boolean {
    return [...this.#open.values()].every((name) => this.#came[name] > PIPE_BYTES)
  }

  /** Resolves when both have ended, or after `ms`. */
  #endWithin(ms: number): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      void this.#ended.promise.then(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

// Ending a task: TERM to every process group of its session, two seconds, KILL (protocol.md#exec-end). The session
// counts, not its leader: what is left of it is killed even when the leader died of TERM.

/** From TERM to KILL (protocol.md#exec-end). */
const GRACE_MS = 2000
/** After KILL only the kernel's own waits (a dead network mount, for example) keep a process. */
const KILLED_MS = 1000

/** Looks at the session once its leader is gone: soon at first, as most programs die of TERM at once. */
const LOOKS_MS = [1, 5, 10, 20]
const LAST_LOOK_MS = 50

/** What is ended: a child of ours that leads a session, or what is left of one. */
export interface Session {
  /** Resolves once its leader has ended; never rejects. */
  readonly exited: Promise<unknown>
  signalSession(signal: SessionSignal): boolean
  /** Whether others of it live; undefined where nobody can look. */
  sessionAlive(): boolean | undefined
}

export interface SessionEnd {
  /** TERM was not enough. */
  readonly killed: boolean
  /** Something is left even after KILL. */
  readonly survived: boolean
}

export async function endSession(child: Session): Promise<SessionEnd> {
  child.signalSession('SIGTERM')
  // A stopped process takes TERM only once it goes on; KILL needs no help.
  if (await goneWithin(child, GRACE_MS)) return { killed: false, survived: false }
  child.signalSession('SIGKILL')
  return { killed: true, survived: !(await goneWithin(child, KILLED_MS, 'SIGKILL')) }
}

/**
 * True once leader and session are gone; false after `ms`. What each look finds is signalled `again`: it may have
 * been in the making during the look before. Where nobody can look nothing is known to be gone, but of what
 * KILL was sent to.
 */
async function goneWithin(child: Session, ms: number, again?: 'SIGKILL'): Promise<boolean> {
  const deadline = performance.now() + ms
  if (!(await exitedWithin(child, ms))) return false
  for (let look = 0; child.sessionAlive() ?? again === undefined; look++) {
    if (again !== undefined) child.signalSession(again)
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(LOOKS_MS[look] ?? LAST_LOOK_MS, left))
  }
  return true
}

async function exitedWithin(child: Session, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false)
  const exited = await Promise.race([child.exited.then(() => true), late])
  timer.abort()
  return exited
}
