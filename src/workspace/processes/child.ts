// Starts every process of the daemon, for exec, ripgrep and terminals alike: posix_spawn, with real pipes
// (protocol.md#exec) or on a terminal, in a new session, and tells its exact end. Ends are noticed by SIGCHLD on the
// main loop. A thread blocked in poll(2) over pidfds was measured too: 0.2 ms later for each child, 65 ms for the
// first, and process.exit() hangs on such a thread.

import { readFileSync, readlinkSync } from 'node:fs'
import { Fault, errnoOf } from '../../base/fault.ts'
import { closeAllOnExec } from '../../native/libc.ts'
import { peekEnding } from '../../native/process.ts'
import { Spawner, type NamedProgram, type OnTerminal, type Pipes, type SpawnerOptions } from '../../native/spawn.ts'
import { openPipes, PipedChild } from './child-pipes.ts'
import { SpawnSettings, type SpawnSettingsOptions } from './spawn-settings.ts'
import { FarCalls, type FarCallsOptions } from './far-calls.ts'
import { Leader } from './leader.ts'
import { ageMs, processes, uptime, ZombieReaper } from './process-table.ts'
import { killSessions } from './session.ts'
import { checkStrings, reasonOf, type ProgramOptions } from './program-path.ts'
import { answerLater, answerNow, planStart, type StartPlan, type FarPart } from './start-plan.ts'

/** Pause between looks at all children, in case a SIGCHLD is missed. The timer also keeps the loop alive. */
const RECHECK_MS = 1000
/**
 * Tolerance of the age of a stuck start: its start time is counted in ticks, and the timer that gave up may be early by
 * as much.
 */
const SLACK_MS = 50

export type { ChildExit } from './leader.ts'
export type { ProgramOptions }

export interface SpawnOptions extends ProgramOptions {
  /** `empty` is /dev/null: an immediate end that can still be opened as /dev/stdin. */
  readonly stdin: 'pipe' | 'empty'
  /** Arguments behind those of `argv`, as bytes without NUL: names of files need not be UTF-8. */
  readonly operands?: readonly Uint8Array[]
}

/** A child on pipes. */
export type Child = PipedChild

export interface Children extends AsyncDisposable {
  /**
   * Starts a program on pipes. A promise only if the start goes through a file system that may not answer (a network
   * mount, FUSE): another thread makes it then, and it throws `timeout` if that takes too long.
   */
  spawn(options: SpawnOptions): Child | Promise<Child>
  /**
   * Starts a program on a terminal, by its path: stdin, stdout, stderr and controlling terminal. Otherwise like
   * `spawn`.
   */
  spawnOn(terminal: string, options: ProgramOptions): Leader | Promise<Leader>
  /** Number of children not yet released, or released while they still run. */
  readonly size: number
  /** Sends KILL to the session of each child, at once: for an end of the daemon that waits for nothing more. */
  killSessions(): void
}

/** Opens the one place that starts processes and hears of their ends. Main thread only; one per daemon. */
export function openChildren(options: ChildrenOptions = {}): Children {
  return new ChildTable(options)
}

export interface ChildrenOptions extends SpawnSettingsOptions, SpawnerOptions, FarCallsOptions {}

/** The descriptors 0 to 2 of a child, and the object that is made of it. */
interface ChildStreams<C> {
  readonly given: Pipes | OnTerminal
  readonly made: (pid: number) => C
  /** Called once it has been started, or the kernel has refused. */
  readonly over: () => void
  /** Called if it has not been started. */
  readonly failed: () => void
}

class ChildTable implements Children {
  readonly #running = new Map<number, Leader>()
  readonly #held = new Map<number, Leader>()
  readonly #zombies = process.pid === 1 ? new ZombieReaper((pid) => this.#away > 0 || this.#held.has(pid)) : undefined
  readonly #onEnd = () => this.#collect()
  readonly #gone = (pid: number) => void this.#held.delete(pid)
  readonly #options: SpawnSettingsOptions
  readonly #spawner: Spawner
  readonly #far: FarCalls
  /** Starts that other threads are making: their children are not known yet. */
  #away = 0
  #settings: SpawnSettings | undefined
  #recheck: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: ChildrenOptions) {
    this.#options = options
    this.#spawner = new Spawner(options)
    this.#far = new FarCalls(options)
    process.on('SIGCHLD', this.#onEnd)
  }

  get size(): number {
    return this.#held.size
  }

  killSessions(): void {
    killSessions(new Set(this.#held.keys()))
  }

  spawn(options: SpawnOptions): Child | Promise<Child> {
    return this.#begin(options, () => {
      const pipes = openPipes(options.stdin)
      const made = (pid: number): Child => new PipedChild(pid, pipes.kept, this.#gone)
      return { given: pipes.given, made, over: pipes.closeGiven, failed: pipes.closeKept }
    })
  }

  spawnOn(terminal: string, options: ProgramOptions): Leader | Promise<Leader> {
    const nothing = (): void => {}
    const made = (pid: number): Leader => new Leader(pid, this.#gone)
    return this.#begin(options, () => ({ given: { terminal }, made, over: nothing, failed: nothing }))
  }

  #begin<C extends Leader>(
    options: ProgramOptions & Pick<SpawnOptions, 'operands'>,
    open: () => ChildStreams<C>,
  ): C | Promise<C> {
    this.#admit()
    const { argv, cwd, operands = [] } = options
    const environment = Object.entries(options.env).map(([name, value]) => `${name}=${value}`)
    checkStrings(argv, environment)
    const go = ({ path, touched }: StartPlan): C | Promise<C> => {
      const program = { path, argv: [...argv, ...operands], environment, cwd }
      return touched === undefined
        ? this.#startHere(program, options, open)
        : this.#startElsewhere(program, options, open, touched)
    }
    const ground = planStart(options, this.#far)
    return ground instanceof Promise ? ground.then(go) : go(ground)
  }

  #admit(): SpawnSettings {
    if (this.#closed) throw new Fault('unavailable', 'the daemon is stopping and starts no more processes')
    if (this.#settings === undefined) closeAllOnExec()
    this.#settings ??= new SpawnSettings(this.#options)
    return this.#settings
  }

  #startHere<C extends Leader>(program: NamedProgram, options: ProgramOptions, open: () => ChildStreams<C>): C {
    const child = this.#admit().start((group) => {
      let streams: ChildStreams<C> | undefined
      try {
        streams = open()
        return streams.made(this.#spawner.start({ ...program, ...streams.given, group }))
      } catch (error) {
        streams?.failed()
        const errno = errnoOf(error)
        throw errno === undefined ? error : answerNow(reasonOf(errno, options, program.path))
      } finally {
        streams?.over()
      }
    })
    return this.#register(child)
  }

  async #startElsewhere<C extends Leader>(
    program: NamedProgram,
    options: ProgramOptions,
    open: () => ChildStreams<C>,
    touched: FarPart,
  ): Promise<C> {
    const settings = this.#admit()
    const streams = open()
    let begun = false
    const call = async (): Promise<number> => {
      begun = true
      this.#away++
      try {
        return await this.#spawner.startWaiting({ ...program, ...streams.given })
      } finally {
        this.#away--
        streams.over()
      }
    }
    try {
      const pid = await this.#far.make({ ...touched, ...this.#far.limit() }, call, (late) => this.#endUnseen(late))
      const child = this.#register(streams.made(pid))
      settings.setOn(pid)
      this.#collect() // it may have ended before it was known
      return child
    } catch (error) {
      if (!begun) streams.over()
      streams.failed()
      throw await this.#reasonLater(error, options, program.path)
    }
  }

  async #reasonLater(error: unknown, options: ProgramOptions, path: string): Promise<unknown> {
    if (error instanceof Fault && error.code === 'timeout') {
      endStuckStarts((pid) => this.#held.has(pid), this.#far.patienceMs)
    }
    const errno = errnoOf(error)
    return errno === undefined ? error : await answerLater(reasonOf(errno, options, path), this.#far)
  }

  /** Ends a child at once whose start came back after its caller had been told that it failed. */
  #endUnseen(pid: number): void {
    void this.#register(new Leader(pid, this.#gone))[Symbol.asyncDispose]()
    this.#collect()
  }

  #register<C extends Leader>(child: C): C {
    this.#running.set(child.pid, child)
    this.#held.set(child.pid, child)
    this.#recheck ??= setInterval(this.#onEnd, RECHECK_MS)
    return child
  }

  #collect(): void {
    for (const [pid, child] of this.#running) {
      // Throws if our child was reaped elsewhere: a bug that ends the daemon, since no caller could be answered.
      const ending = peekEnding(pid)
      if (ending === undefined) continue
      this.#running.delete(pid)
      child.end(ending)
    }
    this.#zombies?.noteExit()
    if (this.#running.size > 0) return
    clearInterval(this.#recheck)
    this.#recheck = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.allSettled([...this.#held.values()].map((child) => child[Symbol.asyncDispose]()))
    clearInterval(this.#recheck)
    process.off('SIGCHLD', this.#onEnd)
    this.#zombies?.[Symbol.dispose]()
    this.#settings?.[Symbol.dispose]()
  }
}

/**
 * Ends children whose start was given up after `ms`: they must not go on when the file system they wait for answers.
 * posix_spawn tells their number only when it returns, so they are looked for: children that no owner knows and that
 * still show this process's own memory, as a child does until it has executed its program. The kernel keeps KILL for a
 * child that it holds, and ends it before its first instruction. A younger one still has a caller that waits.
 */
function endStuckStarts(isKnown: (pid: number) => boolean, ms: number): void {
  try {
    const now = uptime()
    for (const { pid, parent, started } of processes()) {
      const overdue = parent === process.pid && !isKnown(pid) && ageMs(started, now) >= ms - SLACK_MS
      if (overdue && isOurImage(pid)) process.kill(pid, 'SIGKILL')
    }
  } catch {
    // /proc cannot be read now: the child is ended when its start returns.
  }
}

function isOurImage(pid: number): boolean {
  try {
    const same = (read: (of: string) => string): boolean => read(String(pid)) === read('self')
    return same((of) => readlinkSync(`/proc/${of}/exe`)) && same((of) => readFileSync(`/proc/${of}/cmdline`, 'latin1'))
  } catch {
    return false
  }
}
