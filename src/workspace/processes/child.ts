// Every process the daemon starts, exec, ripgrep and terminals alike (design, "Spawn"): posix_spawn, real
// pipes (contract 16) or a terminal, a session of its own, the exact ending.
// Endings are noticed by SIGCHLD on the main loop. A thread blocked in poll(2) over pidfds was measured
// too: 0.2 ms later for each child, 65 ms for the first, and process.exit() hangs on a thread so blocked.

import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { Fault, errnoOf } from '../../base/fault.ts'
import { closeAllOnExec, openPipe, POLLHUP, POLLIN, pollReadable } from '../../native/libc.ts'
import { peekEnding } from '../../native/process.ts'
import { startProgram, type NamedProgram } from '../../native/spawn.ts'
import { openChildStart, type ChildStart, type ChildStartOptions } from './child-start.ts'
import { Leader } from './leader.ts'
import { Orphans } from './orphans.ts'
import { checkStrings, resolveCommand, spawnFault, type ProgramOptions } from './program-path.ts'

export type { ChildExit } from './leader.ts'
export type { ProgramOptions }

export interface SpawnOptions extends ProgramOptions {
  /** `empty` is /dev/null: an immediate end that can still be opened as /dev/stdin. */
  readonly stdin: 'pipe' | 'empty'
}

/** A child on pipes. */
export interface Child extends Leader {
  /** Errors (the reader has gone) reach the callback of the write, never the process. */
  readonly stdin: Writable | undefined
  readonly stdout: Readable
  readonly stderr: Readable
  /** Whether neither output pipe has bytes, or its end, waiting in the kernel. */
  outputIdle(): boolean
}

export interface Children extends AsyncDisposable {
  spawn(options: SpawnOptions): Child
  /** Starts on a terminal, by its path: stdin, stdout, stderr and controlling terminal. */
  spawnOn(terminal: string, options: ProgramOptions): Leader
  /** Children not yet released, or released while they still run. */
  readonly size: number
}

/** Opens the one place that starts processes and hears of their ends. Main thread only; one per daemon. */
export function openChildren(options: ChildStartOptions = {}): Children {
  return new ChildTable(options)
}

/** SIGCHLD tells of every end; this look at all of them is the net below it, and keeps the loop alive. */
const RECHECK_MS = 1000

class ChildTable implements Children {
  readonly #running = new Map<number, Leader>()
  readonly #held = new Map<number, Leader>()
  readonly #orphans = process.pid === 1 ? new Orphans((pid) => this.#held.has(pid)) : undefined
  readonly #onEnd = () => this.#collect()
  readonly #gone = (pid: number) => void this.#held.delete(pid)
  readonly #options: ChildStartOptions
  #start: ChildStart | undefined
  #recheck: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: ChildStartOptions) {
    this.#options = options
    process.on('SIGCHLD', this.#onEnd)
  }

  get size(): number {
    return this.#held.size
  }

  spawn(options: SpawnOptions): Child {
    return this.#admit((group) => startChild({ ...options, group }, this.#gone))
  }

  spawnOn(terminal: string, options: ProgramOptions): Leader {
    return this.#admit((group) => new Leader(startOn(terminal, { ...options, group }), this.#gone))
  }

  #admit<C extends Leader>(begin: (group: number | undefined) => C): C {
    if (this.#closed) throw new Fault('unavailable', 'the daemon is stopping and starts no more processes')
    if (this.#start === undefined) closeAllOnExec()
    this.#start ??= openChildStart(this.#options)
    const child = this.#start.start(begin)
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
    this.#start?.[Symbol.dispose]()
  }
}

/** The ends of a child's pipes that stay here. */
interface Ends {
  readonly stdin: number | undefined
  readonly stdout: number
  readonly stderr: number
}

/** The control group to be born in. */
interface InGroup {
  readonly group: number | undefined
}

/** What is started, whatever it is given as descriptors 0 to 2. */
function programOf(options: ProgramOptions & InGroup): NamedProgram {
  const environment = Object.entries(options.env).map(([name, value]) => `${name}=${value}`)
  checkStrings(options.argv, environment)
  return { path: resolveCommand(options), argv: options.argv, environment, cwd: options.cwd, group: options.group }
}

/** The failure of a system call as what it says about the request. */
function faultOf(error: unknown, options: ProgramOptions, path: string): unknown {
  const errno = errnoOf(error)
  return errno === undefined ? error : spawnFault(errno, options, path)
}

function startOn(terminal: string, options: ProgramOptions & InGroup): number {
  const program = programOf(options)
  try {
    return startProgram({ ...program, terminal })
  } catch (error) {
    throw faultOf(error, options, program.path)
  }
}

function startChild(options: SpawnOptions & InGroup, gone: (pid: number) => void): SpawnedChild {
  const program = programOf(options)
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
    const pid = startProgram({ ...program, ...given })
    return new SpawnedChild(pid, { stdin: stdin?.kept, stdout: stdout.kept, stderr: stderr.kept }, gone)
  } catch (error) {
    for (const fd of ours) closeSync(fd)
    throw faultOf(error, options, program.path)
  } finally {
    for (const fd of theirs) closeSync(fd)
  }
}

class SpawnedChild extends Leader implements Child {
  readonly stdin: Socket | undefined
  readonly stdout: Socket
  readonly stderr: Socket
  readonly #outputs: readonly { readonly fd: number; readonly socket: Socket }[]

  constructor(pid: number, ends: Ends, gone: (pid: number) => void) {
    super(pid, gone)
    this.stdin = ends.stdin === undefined ? undefined : pipeSocket(ends.stdin, 'write')
    this.stdout = pipeSocket(ends.stdout, 'read')
    this.stderr = pipeSocket(ends.stderr, 'read')
    this.#outputs = [
      { fd: ends.stdout, socket: this.stdout },
      { fd: ends.stderr, socket: this.stderr },
    ]
  }

  outputIdle(): boolean {
    // A destroyed socket's descriptor may already belong to somebody else.
    const open = this.#outputs.filter(({ socket }) => !socket.destroyed && !socket.readableEnded)
    const events = pollReadable(
      open.map(({ fd }) => fd),
      0,
    )
    return events.every((event) => (event & (POLLIN | POLLHUP)) === 0)
  }

  override release(): void {
    this.stdin?.destroy()
    super.release()
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.signalSession('SIGKILL')
    this.stdout.destroy()
    this.stderr.destroy()
    await super[Symbol.asyncDispose]()
  }
}

function pipeSocket(fd: number, way: 'read' | 'write'): Socket {
  const socket = new Socket({ fd, readable: way === 'read', writable: way === 'write' })
  // Who writes learns it from the write, who reads from the close.
  return socket.on('error', () => {})
}
