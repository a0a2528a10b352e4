// The terminals of the workspace: those that live, under a limit, and those that have ended, until they are deleted or
// the oldest have to go (protocol.md#terminals). They outlive their clients; closing the workspace hangs them up.

import { closeSync } from 'node:fs'
import { errnoOf, Fault, quote } from '../../base/fault.ts'
import { openPty, type Pty, type WindowSize } from '../../native/pty.ts'
import type { Children } from '../processes/child.ts'
import type { Leader } from '../processes/leader.ts'
import { planCommand } from '../exec/command-plan.ts'
import type { TaskMarks } from '../exec/task-ids.ts'
import { awayFrom, startedAt, type Leftovers } from '../processes/mark.ts'
import { TerminalReader } from './reader.ts'
import { checkedWindow, nextId, scrollbackSize, USUAL_WINDOW } from './sizes.ts'
import { Terminal } from './terminal.ts'

/** Ended terminals that are kept; the oldest go first. */
export const KEPT_TERMINALS = 32

export interface TerminalsOptions {
  readonly children: Children
  /** Terminals that may live at once (protocol.md#limits: 10, at most 64). */
  readonly limit: number
  /** Directory in which they start unless they name one. */
  readonly workdir: string
  readonly environment: Readonly<Record<string, string>>
  /** The user's login shell. */
  readonly shell: string
  /** Gives their environments the marks by which their processes are found. */
  readonly marks?: TaskMarks
}

export interface TerminalRequest {
  /** Program and arguments; the shell unless given. One word alone may be a command line (protocol.md#terminals). */
  readonly command?: readonly string[] | undefined
  readonly cols?: number | undefined
  readonly rows?: number | undefined
  readonly scrollbackSize?: number | undefined
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}

export interface Terminals extends AsyncDisposable {
  readonly limit: number
  /** Resolves once `create` may be called: the reader thread runs. Throws the reason if it cannot run. */
  ready(): Promise<void>
  /**
   * Opens a terminal. Throws `rate_limited` at the limit, `unavailable` if the system has no terminal left, and the
   * faults of the spawn. A promise if the spawn is one.
   */
  create(request: TerminalRequest): Terminal | Promise<Terminal>
  /** Ids travel as strings too (protocol.md#terminals). Throws `not_found`. */
  get(id: number | string): Terminal
  /** Oldest first. */
  list(): Terminal[]
  /**
   * Forgets it at once and hangs it up. Resolves when its session is gone, or has survived SIGKILL, with the processes
   * that had made another session before. Throws `not_found`.
   */
  delete(id: number | string): Promise<Leftovers>
  /** Calls `listener` with every terminal created from now on, before any client is told what it writes. */
  onCreated(listener: (terminal: Terminal) => void): Disposable
}

export function openTerminals(options: TerminalsOptions): Terminals {
  return new TerminalTable(options)
}

class TerminalTable implements Terminals {
  readonly #options: TerminalsOptions
  readonly #reader = new TerminalReader()
  readonly #listeners = new Set<(terminal: Terminal) => void>()
  /** Terminals that callers can name, by id, in the order of their start. */
  readonly #known = new Map<number, Terminal>()
  /** Terminals no longer known, but alive or followed: their ids still mean them. */
  readonly #leaving = new Set<Terminal>()
  /** Ids of the marks by which processes are found that left a terminal's session. */
  readonly #markIds = new WeakMap<Terminal, string>()
  /** Ids of terminals whose program another thread is starting. */
  readonly #starting = new Set<number>()
  #last = 0
  #open = true

  constructor(options: TerminalsOptions) {
    this.#options = options
  }

  get limit(): number {
    return this.#options.limit
  }

  async ready(): Promise<void> {
    await this.#reader.open()
    await this.#options.marks?.ready()
  }

  create(request: TerminalRequest): Terminal | Promise<Terminal> {
    const window = checkedWindow(request.cols ?? USUAL_WINDOW.cols, request.rows ?? USUAL_WINDOW.rows)
    const command = request.command ?? [this.#options.shell]
    const { argv } = planCommand(command, 'auto')
    const id = this.#admit()
    const cwd = request.cwd ?? this.#options.workdir
    const pty = openPair(window)
    const given = this.#options.marks?.next()
    const start = this.#start(pty, argv, { ...request, cwd, env: { ...request.env, ...given?.variables } }, (child) => {
      const spec = { id, command, cwd, window, scrollback: scrollbackSize(request.scrollbackSize) }
      const terminal = this.#keep(new Terminal(spec, child, pty, this.#reader))
      if (given !== undefined) this.#markIds.set(terminal, given.id)
      return terminal
    })
    return start instanceof Promise ? this.#awaited(id, start) : start
  }

  /** The id is taken from the request on. */
  async #awaited(id: number, start: Promise<Terminal>): Promise<Terminal> {
    this.#starting.add(id)
    try {
      return await start
    } finally {
      this.#starting.delete(id)
    }
  }

  #keep(terminal: Terminal): Terminal {
    this.#last = terminal.id
    this.#known.set(terminal.id, terminal)
    void terminal.ended.then(() => this.#dropOldest())
    for (const listener of this.#listeners) listener(terminal)
    return terminal
  }

  get(id: number | string): Terminal {
    const terminal = typeof id === 'number' || /^[1-9]\d{0,2}$/.test(id) ? this.#known.get(Number(id)) : undefined
    if (terminal !== undefined) return terminal
    const why = `it was never opened, was deleted, or has ended and ${KEPT_TERMINALS} others after it`
    throw new Fault(
      'not_found',
      `terminal ${quote(String(id))} is unknown: ${why}; terminal_list shows those there are`,
      {
        details: { id: String(id) },
      },
    )
  }

  list(): Terminal[] {
    return [...this.#known.values()]
  }

  async delete(id: number | string): Promise<Leftovers> {
    const terminal = this.get(id)
    this.#forget(terminal)
    const since = startedAt(terminal.pid)
    const { survived } = await terminal.close()
    const markId = this.#markIds.get(terminal)
    const mark = markId === undefined ? undefined : this.#options.marks?.markOf(markId)
    const survivors = mark === undefined ? [] : await awayFrom([{ session: terminal.pid, mark }], since)
    return { survived: survived || survivors.length > 0, survivors }
  }

  onCreated(listener: (terminal: Terminal) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false
    const terminals = [...this.#known.values(), ...this.#leaving]
    await Promise.allSettled(terminals.map((terminal) => terminal.close()))
    await this.#reader[Symbol.asyncDispose]()
  }

  /** Returns the id of the next terminal, or throws the reason why there can be none. */
  #admit(): number {
    if (!this.#open) throw this.#stopping()
    const { limit } = this.#options
    for (const one of this.#leaving) if (!one.alive && one.attached === 0) this.#leaving.delete(one)
    const taken = new Set([...this.#starting, ...[...this.#leaving].map(({ id }) => id)])
    const id = nextId(this.#last, (one) => this.#known.has(one) || taken.has(one))
    const living = [...this.#known.values(), ...this.#leaving].filter((one) => one.alive)
    const alive = living.length + this.#starting.size
    if (alive < limit && id !== undefined) return id
    const why =
      id === undefined
        ? 'every terminal id is taken by a terminal that a client still follows'
        : `${alive} terminals are alive, which is the limit (limits.terminals is ${limit}); end one with terminal_delete`
    throw new Fault('rate_limited', why, { details: { limit, alive, unit: 'terminals' }, retryAfter: 1 })
  }

  /** Starts the program on the terminal; any failure closes the terminal. */
  #start(
    pty: Pty,
    argv: readonly [string, ...string[]],
    { cwd, env }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> | undefined },
    make: (child: Leader) => Terminal,
  ): Terminal | Promise<Terminal> {
    // The program would take the daemon's own window for this one.
    const { COLUMNS: _c, LINES: _l, ...inherited } = this.#options.environment
    const failed = (error: unknown): never => {
      closeSync(pty.slave)
      closeSync(pty.master)
      throw error
    }
    const made = async (starting: Promise<Leader>): Promise<Terminal> => {
      const child = await starting
      if (this.#open) return make(child)
      await child[Symbol.asyncDispose]()
      throw this.#stopping()
    }
    try {
      const child = this.#options.children.spawnOn(pty.path, {
        argv,
        cwd,
        env: { ...inherited, TERM: 'xterm-256color', PWD: cwd, ...env },
      })
      return child instanceof Promise ? made(child).catch(failed) : make(child)
    } catch (error) {
      return failed(error)
    }
  }

  #stopping(): Fault {
    return new Fault('unavailable', 'the daemon is stopping and opens no more terminals', { retryAfter: 5 })
  }

  #forget(terminal: Terminal): void {
    this.#known.delete(terminal.id)
    this.#leaving.add(terminal)
  }

  #dropOldest(): void {
    const ended = this.list().filter((one) => !one.alive)
    for (const oldest of ended.slice(0, -KEPT_TERMINALS)) {
      this.#forget(oldest)
      oldest.letGo()
    }
  }
}

function openPair(window: WindowSize): Pty {
  try {
    return openPty(window)
  } catch (error) {
    throw openFault(error)
  }
}

/** Returns why no pair could be opened, as a fault for the caller. Pure. */
export function openFault(error: unknown): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const sentence = 'a pseudo-terminal cannot be opened'
  if (errno === 'ENOSPC') {
    const details = { errno, sysctl: 'kernel.pty.max' }
    const why = 'every one the system has is in use (sysctl kernel.pty.max)'
    return new Fault('unavailable', `${sentence}: ${why}`, { details, retryAfter: 1, cause: error })
  }
  const short = errno === 'EMFILE' || errno === 'ENFILE' || errno === 'ENOMEM'
  const more = { details: { errno }, cause: error }
  if (short) return new Fault('unavailable', `${sentence} now (${errno})`, { ...more, retryAfter: 1 })
  return new Fault('spawn_failed', `${sentence} (${errno})`, more)
}
