// The commands of the workspace (protocol.md#exec-task): those that run, under a limit, and those that finished, as
// long as they are kept. A slot is held from the request on and is free the moment the task ends or is deleted. One
// command's time-out and end are in task.ts. Closing ends every session: TERM, 2 s, KILL.

import { Fault, quote } from '../../base/fault.ts'
import type { Children } from '../processes/child.ts'
import { awayFrom, leftoversOfAll, type Leftovers } from '../processes/mark.ts'
import { planCommand } from './command-plan.ts'
import { startable } from './script-file.ts'
import { EarlierLife } from './earlier-life.ts'
import { SessionWatch } from './session-watch.ts'
import { StartPace } from '../processes/start-pace.ts'
import type { TaskMarks } from './task-ids.ts'
import { Task, type TaskStart } from './task.ts'
import { OutputBudget } from './task-output.ts'

/** Finished tasks that are kept, and bytes that their output may take together; the oldest go first. */
export const KEPT_TASKS = 1000
export const KEPT_BYTES = 64 * 1024 * 1024
/** Bytes that heads and long tails may take over all tasks: beyond it output is cut, and flagged. */
const BUDGET_BYTES = 128 * 1024 * 1024
/** Processes that were forgotten with keep_process and still run, at most. */
const FORGOTTEN = 256

export interface TasksOptions {
  /** Tasks that may run at once (protocol.md#limits: 50, at most 256). */
  readonly limit: number
  /** Directory in which commands start unless they name one. */
  readonly workdir: string
  readonly environment: Readonly<Record<string, string>>
  readonly marks: TaskMarks
  /** Directory for scripts longer than an argument may be; /tmp unless given. */
  readonly scratch?: string
}

export interface TaskRequest extends Omit<TaskStart, 'cwd' | 'mark'> {
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, string>> | undefined
}

export interface Tasks extends AsyncDisposable {
  readonly limit: number
  /** Tasks that hold a slot. */
  readonly running: number
  /** Starts that wait for their turn. */
  readonly waiting: number
  /** Starts a command. Throws `rate_limited` at the limit, `bad_request`, and the faults of the spawn. */
  start(request: TaskRequest): Promise<Task>
  /** Throws not_found. */
  get(id: string): Task
  /** Returns the task whose pipes are wanted. Throws `conflict` for a command of an earlier life, which has none. */
  reach(id: string): Promise<Task>
  /** Oldest first. */
  list(): Task[]
  /** Commands of the daemon's earlier lives that still run. */
  readonly earlier: EarlierLife
  /** Forgets the task at once and ends its session. Resolves when that is gone, or has survived SIGKILL. */
  delete(id: string, options: { readonly keepProcess: boolean }): Promise<Leftovers>
  /** Does the same for every task. Resolves with their number, and with the leftovers of all of them. */
  deleteAll(): Promise<Leftovers & { readonly deleted: number }>
}

export function openTasks(children: Children, options: TasksOptions): Tasks {
  return new TaskTable(children, options)
}

class TaskTable implements Tasks {
  readonly #children: Children
  readonly #options: TasksOptions
  readonly #budget = new OutputBudget(BUDGET_BYTES)
  /** Tasks that callers can name, by id, in the order of their start. */
  readonly #known = new Map<string, Task>()
  /** Finished tasks in the order of their end, with the timer that forgets each. */
  readonly #finished = new Map<Task, NodeJS.Timeout | undefined>()
  /** Tasks that are no longer known and not yet gone. */
  readonly #leaving = new Set<Task>()
  /** Tasks whose stdout or stderr is still open, finished or not, known or not. */
  readonly #piped = new Set<Task>()
  readonly #sessions = new SessionWatch()
  readonly #pace = new StartPace()
  readonly earlier: EarlierLife
  #starting = 0
  #open = true

  constructor(children: Children, options: TasksOptions) {
    this.#children = children
    this.#options = options
    this.earlier = new EarlierLife(options.marks.identity)
  }

  get limit(): number {
    return this.#options.limit
  }

  get running(): number {
    return this.#starting + this.#known.size - this.#finished.size
  }

  get waiting(): number {
    return this.#pace.waiting
  }

  async start(request: TaskRequest): Promise<Task> {
    const plan = planCommand(request.command, request.mode)
    this.#admit()
    this.#starting++
    try {
      const command = await startable(plan, this.#options.scratch ?? '/tmp')
      try {
        await this.#options.marks.ready()
        await this.#pace.turn()
        return await this.#spawn(command.argv, request, () => void command[Symbol.asyncDispose]())
      } catch (error) {
        await command[Symbol.asyncDispose]()
        throw error
      }
    } finally {
      this.#starting--
    }
  }

  get(id: string): Task {
    const task = this.#known.get(id)
    if (task !== undefined) return task
    const why = 'it was never started, was deleted, or finished longer ago than its ttl_seconds'
    throw new Fault('not_found', `task ${quote(id)} is unknown: ${why}; exec_list shows the tasks there are`, {
      details: { id },
    })
  }

  async reach(id: string): Promise<Task> {
    await this.#refuseOrphan(id, 'its stdin and output went with that life')
    return this.get(id)
  }

  async #refuseOrphan(id: string, why: string): Promise<void> {
    if (this.#known.has(id) || (await this.earlier.get(id)) === undefined) return
    const sentence = `task ${quote(id)} runs on from before the daemon was killed: ${why}; exec_delete ends it`
    throw new Fault('conflict', sentence, { details: { id, status: 'orphaned' } })
  }

  list(): Task[] {
    return [...this.#known.values()]
  }

  async delete(id: string, { keepProcess }: { readonly keepProcess: boolean }): Promise<Leftovers> {
    if (keepProcess) await this.#refuseOrphan(id, 'it is listed for as long as it runs')
    const orphan = this.#known.has(id) || keepProcess ? undefined : await this.earlier.end(id)
    if (orphan !== undefined) return orphan
    const task = this.get(id)
    if (keepProcess && task.end === undefined && this.#leaving.size >= FORGOTTEN) {
      throw new Fault('rate_limited', `${FORGOTTEN} forgotten processes run already, which is the most`, {
        details: { limit: FORGOTTEN, unit: 'forgotten processes' },
        retryAfter: 1,
      })
    }
    this.#forget(task)
    if (!keepProcess) return await this.#remove(task)
    void this.#gone(task)
    return { survived: false, survivors: [] }
  }

  async #remove(task: Task): Promise<Leftovers> {
    // The task's own end has looked for survivors if this call ends it. What an earlier end named may be gone by now.
    const ended = task.end !== undefined
    const survived = await this.#leave(task)
    const survivors = ended ? await task.away() : (await task.finished).survivors
    return { survived: survived || survivors.length > 0, survivors }
  }

  async deleteAll(): Promise<Leftovers & { readonly deleted: number }> {
    const tasks = this.list()
    for (const task of tasks) this.#forget(task)
    const orphans = await this.earlier.list()
    const ended = orphans.map(({ id }) => this.earlier.end(id))
    const [survived, ...removals] = await Promise.all([this.#leaveAll(tasks), ...ended])
    // One walk of /proc for all of them.
    const marked = tasks.flatMap((task) => task.marked)
    const left = { survived, survivors: await awayFrom(marked, 0) }
    return { ...leftoversOfAll([left, ...removals]), deleted: tasks.length + orphans.length }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false
    const tasks = [...this.list(), ...this.#leaving]
    for (const task of this.list()) this.#forget(task)
    await this.#leaveAll(tasks)
    this.#sessions.close()
    for (const task of this.#piped) task.closePipes()
  }

  #admit(): void {
    if (!this.#open)
      throw new Fault('unavailable', 'the daemon is stopping and starts no more commands', { retryAfter: 5 })
    const { limit } = this.#options
    if (this.running < limit) return
    throw new Fault(
      'rate_limited',
      `${this.running} commands run, which is the limit (limits.execs is ${limit}); end one with exec_delete, or wait`,
      {
        details: { limit, running: this.running, unit: 'running commands' },
        retryAfter: 1,
      },
    )
  }

  async #spawn(argv: readonly [string, ...string[]], request: TaskRequest, dispose: () => void): Promise<Task> {
    if (!this.#open) this.#admit()
    const cwd = request.cwd ?? this.#options.workdir
    const { env, ...start } = request
    const { id, variables } = this.#options.marks.next()
    const started = this.#children.spawn({
      argv,
      cwd,
      env: { ...this.#options.environment, PWD: cwd, ...env, ...variables },
      stdin: start.openStdin || start.stdin !== undefined ? 'pipe' : 'empty',
    })
    const child = started instanceof Promise ? await started : started
    if (!this.#open) {
      await child[Symbol.asyncDispose]()
      this.#admit()
    }
    const task = new Task(id, { ...start, cwd, mark: this.#options.marks.markOf(id) }, child, this.#budget)
    this.#known.set(task.id, task)
    this.#piped.add(task)
    void task.pipesEnded.then(() => this.#piped.delete(task))
    void task.finished.then(() => {
      dispose()
      if (this.#known.has(task.id)) this.#keep(task)
    })
    return task
  }

  /** Keeps a finished task for its time, and as long as there is room. */
  #keep(task: Task): void {
    const { ttlSeconds } = task.spec
    const timer = ttlSeconds < 0 ? undefined : setTimeout(() => this.#drop(task), ttlSeconds * 1000)
    timer?.unref()
    this.#finished.set(task, timer)
    this.#sessions.add(task)
    let bytes = 0
    for (const one of this.#finished.keys()) bytes += one.keptBytes
    for (const oldest of this.#finished.keys()) {
      if (oldest === task || (this.#finished.size <= KEPT_TASKS && bytes <= KEPT_BYTES)) break
      bytes -= oldest.keptBytes
      this.#drop(oldest)
    }
  }

  /** Drops a finished task whose time or room is over: survivors of its session live on. */
  #drop(task: Task): void {
    this.#forget(task)
    this.#sessions.remove(task)
    task.release()
  }

  #forget(task: Task): void {
    clearTimeout(this.#finished.get(task))
    this.#finished.delete(task)
    this.#known.delete(task.id)
  }

  /** Resolves with true if part of one survived. */
  async #leaveAll(tasks: readonly Task[]): Promise<boolean> {
    // One walk of /proc for those that are gone, instead of one for each.
    await this.#sessions.look()
    const left = await Promise.allSettled(tasks.map((task) => this.#leave(task)))
    return left.some((one) => one.status === 'fulfilled' && one.value)
  }

  /** Ends a forgotten task's session; true if part of it survived that. */
  async #leave(task: Task): Promise<boolean> {
    const gone = this.#gone(task)
    const { survived } = await task.terminate()
    await gone
    return survived
  }

  /** Follows a forgotten task to its end. */
  async #gone(task: Task): Promise<void> {
    this.#leaving.add(task)
    await task.finished
    // The end of its session, if one is under way, has to be over first.
    if (task.ending !== undefined) await task.ending
    this.#sessions.remove(task)
    task.release()
    this.#leaving.delete(task)
  }
}
