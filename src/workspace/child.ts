// Every process the daemon starts, exec, ripgrep and terminals alike (design, "Spawn"): posix_spawn, real
// pipes (contract 16), a session of its own, the exact ending. A child that has ended stays a zombie until
// its owner releases it, so its number, which is also its group's, cannot belong to a stranger while the
// owner still sends signals (reliability E-13).
// Endings are noticed by SIGCHLD on the main loop. A thread blocked in poll(2) over pidfds was measured
// too: 0.2 ms later for each child, 65 ms for the first, and process.exit() hangs on a thread so blocked.

import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { Fault, errnoOf } from '../fault.ts'
import { closeAllOnExec, openPipe, POLLIN, pollReadable } from '../native/libc.ts'
import { peekEnding, reap, type Ending } from '../native/process.ts'
import { startProgram } from '../native/spawn.ts'
import { checkStrings, resolveCommand, spawnFault } from './program-path.ts'
import { loginDefaults } from './login-defaults.ts'
import { Orphans } from './orphans.ts'
import { isDead, processes } from './process-table.ts'

export interface SpawnOptions {
  /** Executed as it is; the first is looked up in the PATH of `env`, as execvp does. */
  readonly argv: readonly [string, ...string[]]
  /** Absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** `empty` is /dev/null: an immediate end that can still be opened as /dev/stdin. */
  readonly stdin: 'pipe' | 'empty'
}

/** How a child ended. `code` is 128 + n when signal n ended it; memory is an upper bound. */
export type ChildExit = Ending

export type GroupSignal = 'SIGTERM' | 'SIGKILL' | 'SIGHUP' | 'SIGINT'

export interface Child extends AsyncDisposable {
  readonly pid: number
  /** Errors (the reader has gone) reach the callback of the write, never the process. */
  readonly stdin: Writable | undefined
  readonly stdout: Readable
  readonly stderr: Readable
  /** Never rejects. Says nothing about output still in the pipes. */
  readonly exited: Promise<ChildExit>
  /** Signals the child's whole process group while its number is certainly ours; false when nobody got it. */
  signalGroup(signal: GroupSignal): boolean
  /** Whether any process of the group besides the child itself lives. */
  groupAlive(): boolean
  /** Whether neither output pipe has bytes waiting in the kernel. */
  outputIdle(): boolean
  /** The owner is done with child and group: stdin closes, and the kernel may forget the pid. Idempotent. */
  release(): void
}

export interface Children extends AsyncDisposable {
  spawn(options: SpawnOptions): Child
  /** Children not yet released, or released while they still run. */
  readonly size: number
}

/** Opens the one place that starts processes and hears of their ends. Main thread only; one per daemon. */
export function openChildren(): Children {
  closeAllOnExec()
  return new ChildTable()
}

/** SIGCHLD tells of every end; this look at all of them is the net below it, and keeps the loop alive. */
const RECHECK_MS = 1000

class ChildTable implements Children {
  readonly #running = new Map<number, SpawnedChild>()
  readonly #held = new Map<number, SpawnedChild>()
  readonly #orphans = process.pid === 1 ? new Orphans((pid) => this.#held.has(pid)) : undefined
  readonly #settle = loginDefaults()
  readonly #onEnd = () => this.#collect()
  #recheck: NodeJS.Timeout | undefined
  #closed = false

  constructor() {
    process.on('SIGCHLD', this.#onEnd)
  }

  get size(): number {
    return this.#held.size
  }

  spawn(options: SpawnOptions): Child {
    if (this.#closed) throw new Fault('unavailable', 'the daemon is stopping and starts no more processes')
    const child = startChild(options, (gone) => this.#held.delete(gone.pid))
    this.#settle(child.pid)
    this.#running.set(child.pid, child)
    this.#held.set(child.pid, child)
    this.#recheck ??= setInterval(this.#onEnd, RECHECK_MS)
    return child
  }

  #collect(): void {
    for (const [pid, child] of this.#running) {
      // Throws where somebody else has reaped our child: a bug that ends the daemon, since no caller could be answered.
      const ending = peekEnding(pid)
      if (ending === undefined) continue
      this.#running.delete(pid)
      child.end(ending)
    }
    this.#orphans?.noteExit()
    if (this.#running.size > 0) return
    clearInterval(this.#recheck)
    this.#recheck = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.allSettled([...this.#held.values()].map((child) => child[Symbol.asyncDispose]()))
    clearInterval(this.#recheck)
    process.off('SIGCHLD', this.#onEnd)
    this.#orphans?.[Symbol.dispose]()
  }
}

/** The ends of a child's pipes that stay here. */
interface Ends {
  readonly stdin: number | undefined
  readonly stdout: number
  readonly stderr: number
}

function startChild(options: SpawnOptions, gone: (child: SpawnedChild) => void): SpawnedChild {
  const environment = Object.entries(options.env).map(([name, value]) => `${name}=${value}`)
  checkStrings(options.argv, environment)
  const path = resolveCommand(options)
  const ours: number[] = []
  const theirs: number[] = []
  const pipe = (keep: 'reader' | 'writer') => {
    const ends = openPipe()
    const [kept, given] = keep === 'reader' ? [ends.reader, ends.writer] : [ends.writer, ends.reader]
    ours.push(kept)
    theirs.push(given)
    return { kept, given }
  }
  try {
    const stdin = options.stdin === 'pipe' ? pipe('writer') : undefined
    const stdout = pipe('reader')
    const stderr = pipe('reader')
    const given = { stdin: stdin?.given ?? '/dev/null', stdout: stdout.given, stderr: stderr.given }
    const pid = startProgram({ path, argv: options.argv, environment, cwd: options.cwd, ...given })
    return new SpawnedChild(pid, { stdin: stdin?.kept, stdout: stdout.kept, stderr: stderr.kept }, gone)
  } catch (error) {
    for (const fd of ours) closeSync(fd)
    const errno = errnoOf(error)
    throw errno === undefined ? error : spawnFault(errno, options, path)
  } finally {
    for (const fd of theirs) closeSync(fd)
  }
}

class SpawnedChild implements Child {
  readonly pid: number
  readonly stdin: Socket | undefined
  readonly stdout: Socket
  readonly stderr: Socket
  readonly exited: Promise<ChildExit>
  readonly #ended = Promise.withResolvers<ChildExit>()
  readonly #outputs: readonly { readonly fd: number; readonly socket: Socket }[]
  readonly #gone: (child: SpawnedChild) => void
  #state: 'running' | 'zombie' | 'reaped' = 'running'
  #released = false

  constructor(pid: number, ends: Ends, gone: (child: SpawnedChild) => void) {
    this.pid = pid
    this.stdin = ends.stdin === undefined ? undefined : pipeSocket(ends.stdin, 'write')
    this.stdout = pipeSocket(ends.stdout, 'read')
    this.stderr = pipeSocket(ends.stderr, 'read')
    this.exited = this.#ended.promise
    this.#outputs = [
      { fd: ends.stdout, socket: this.stdout },
      { fd: ends.stderr, socket: this.stderr },
    ]
    this.#gone = gone
  }

  /** Called once by the table: the process is a zombie now. */
  end(ending: Ending): void {
    this.#state = 'zombie'
    this.#ended.resolve(ending)
    if (this.#released) this.#reap()
  }

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

  groupAlive(): boolean {
    if (this.#state === 'reaped') return false
    for (const entry of processes()) {
      if (entry.group === this.pid && entry.pid !== this.pid && !isDead(entry)) return true
    }
    return false
  }

  outputIdle(): boolean {
    // A destroyed socket's descriptor may already belong to somebody else.
    const open = this.#outputs.filter(({ socket }) => !socket.destroyed)
    const events = pollReadable(
      open.map(({ fd }) => fd),
      0,
    )
    return events.every((event) => (event & POLLIN) === 0)
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    this.stdin?.destroy()
    if (this.#state === 'zombie') this.#reap()
  }

  #reap(): void {
    reap(this.pid)
    this.#state = 'reaped'
    this.#gone(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signalGroup('SIGKILL')
    this.stdout.destroy()
    this.stderr.destroy()
    await this.exited
    this.release()
  }
}

function pipeSocket(fd: number, way: 'read' | 'write'): Socket {
  const socket = new Socket({ fd, readable: way === 'read', writable: way === 'write' })
  // Who writes learns it from the write, who reads from the close.
  return socket.on('error', () => {})
}
