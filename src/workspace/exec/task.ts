// One command: its process, its output, its time-out, its end. A task is born running and finishes exactly once
// (protocol.md#exec-task): `#live` waits for the exit, then for what ended the session, then for the output, since all
// bytes come before the exit (E-14). timeout_seconds is enforced here: `#timer` → `#timeOut` → `terminate`. `terminate`
// is every other end too; ../processes/session-end.ts sends TERM, waits 2 s, and sends KILL.

import type { Child, ChildExit } from '../processes/child.ts'
import { awayFrom, startedAt, type CommandMark, type MarkedCommand, type Survivor } from '../processes/mark.ts'
import { COMMAND_END, endSession, type SessionEnd } from '../processes/session-end.ts'
import { TaskPipes } from './task-pipes.ts'
import { INPUT_STALL_MS, TaskInput } from './task-input.ts'
import { TaskLog, type LogReader } from './task-log.ts'
import type { Excerpt, OutputBudget, StreamName } from './task-output.ts'

interface TaskSpec {
  /** The words as requested, which the replies show. */
  readonly command: readonly string[]
  readonly mode: string
  readonly cwd: string
  /** Seconds until the session is ended; 0: never. */
  readonly timeoutSeconds: number
  /** Seconds for which the finished task is kept; -1: until it is deleted or pushed out. */
  readonly ttlSeconds: number
  readonly keepLogs: boolean
}

/** Facts that matter at the start only, and are not kept. */
export interface TaskStart extends TaskSpec {
  /** True if the first 16 MiB of each stream are kept, for the reply that waits for the end. */
  readonly whole: boolean
  /** Bytes that stdin begins with. */
  readonly stdin: string | Uint8Array | undefined
  /** True if stdin stays open after that, for `input`. */
  readonly openStdin: boolean
  /** The mark by which processes that left its session are found; undefined if it was given none. */
  readonly mark?: CommandMark | undefined
}

type TaskStatus = 'running' | 'exited' | 'failed'

/** The end of a task. */
interface TaskEnd {
  readonly status: 'exited' | 'failed'
  readonly exitCode: number
  readonly signal: string | undefined
  readonly timedOut: boolean
  /** True if another process outlived it and holds its stdout or stderr. */
  readonly stdioHeld: boolean
  readonly error: string | undefined
  /** True if it was ended, and not even SIGKILL ended all of it. */
  readonly undying: boolean
  /** Processes that live on although it was ended: they had left its session before. */
  readonly survivors: readonly Survivor[]
  readonly at: Date
  readonly exit: ChildExit
}

/** End that is reported for a process that not even SIGKILL ends (stuck in the kernel): no caller waits without end. */
const UNDYING: ChildExit = { code: 137, signal: 'SIGKILL', cpuUserMs: 0, cpuSystemMs: 0, maxRssBytes: 0 }

/** Bytes that a word takes besides its characters: a command may have 65,536 words. */
const WORD_BYTES = 32

export class Task {
  readonly id: string
  readonly spec: TaskSpec
  readonly pid: number
  readonly startedAt = new Date()
  /** Resolves once, with the end; never rejects. */
  readonly finished: Promise<TaskEnd>
  readonly #commandBytes: number
  readonly #child: Child
  readonly #log: TaskLog
  readonly #pipes: TaskPipes
  readonly #input: TaskInput
  readonly #timer: NodeJS.Timeout | undefined
  readonly #undying = Promise.withResolvers<ChildExit>()
  /** The mark that finds processes which left its session; empty if it was given none. */
  readonly marked: readonly MarkedCommand[]
  #end: TaskEnd | undefined
  #ending: Promise<SessionEnd> | undefined
  #timedOut = false
  /** Start time of its first process in ticks; looked up when it is ended. 0: not known. */
  #began = 0
  #released = false

  constructor(id: string, start: TaskStart, child: Child, budget: OutputBudget) {
    const { whole, stdin, openStdin, mark, ...spec } = start
    this.marked = mark === undefined ? [] : [{ session: child.pid, mark }]
    this.id = id
    this.spec = spec
    this.pid = child.pid
    this.#commandBytes = spec.command.reduce((sum, word) => sum + word.length + WORD_BYTES, 0)
    this.#child = child
    const pace = (paused: boolean): void => this.#pipes.pause(paused)
    this.#log = new TaskLog({ keepLogs: spec.keepLogs, head: whole, budget, pace })
    this.#pipes = new TaskPipes(child, (stream, bytes) => this.#log.append(stream, bytes))
    this.#input = new TaskInput(id, child.stdin)
    if (spec.timeoutSeconds > 0) this.#timer = setTimeout(() => this.#timeOut(), spec.timeoutSeconds * 1000)
    this.finished = this.#live()
    if (child.stdin !== undefined) void this.#firstInput(stdin, openStdin)
  }

  get status(): TaskStatus {
    return this.#end?.status ?? 'running'
  }

  /** The task's end; undefined while it runs. */
  get end(): TaskEnd | undefined {
    return this.#end
  }

  /** The end of its session, once that was asked for. */
  get ending(): Promise<SessionEnd> | undefined {
    return this.#ending
  }

  /** Bytes of output kept, and those of the command, which may be a long script. */
  get keptBytes(): number {
    return this.#log.keptBytes + this.#commandBytes
  }

  /** Returns the beginning of the stream if it was kept (`whole`), else its tail. */
  head(stream: StreamName): Excerpt {
    return this.#log.head(stream) ?? this.#log.tail(stream)
  }

  tail(stream: StreamName): Excerpt {
    return this.#log.tail(stream)
  }

  /** Resolves once the task has ended, `enough` holds for the stream's bytes, or `signal` aborts. */
  until(stream: StreamName, enough: (total: number) => boolean, signal: AbortSignal): Promise<void> {
    return this.#log.until(() => this.#end !== undefined || enough(this.#log.total(stream)), signal)
  }

  /**
   * Lets the heads go: the caller that asked for the `whole` output has it, or has left. Until then they stay, even
   * after `release`.
   */
  releaseHeads(): void {
    this.#log.releaseHeads()
  }

  /** Returns a reader of everything kept, then everything to come. The caller closes it. */
  read(): LogReader {
    return this.#log.read()
  }

  /** Writes to stdin at the child's pace; returns the bytes written. */
  async input(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    eof: boolean,
    signal: AbortSignal,
  ): Promise<number> {
    const written = await this.#input.write(source, { signal, stallMs: INPUT_STALL_MS })
    if (eof) this.#input.end()
    return written
  }

  /** Ends the session: TERM, 2 s, KILL. After the exit it ends what is left of the session. */
  terminate(): Promise<SessionEnd> {
    if (this.#released) return Promise.resolve({ killed: false, survived: false })
    this.#input.end()
    this.#ending ??= this.#endSession()
    return this.#ending
  }

  /** Gives up the output kept and the process's number: survivors of the session live on unless they were ended. */
  release(): void {
    this.#log.releaseTails()
    this.releaseProcess()
  }

  /** Gives up the process's number, which may belong to another process from now on; nothing is signalled any more. */
  releaseProcess(): void {
    if (this.#released) return
    this.#released = true
    this.#child.release()
  }

  /** Resolves once no process holds the task's stdout and stderr any more. */
  get pipesEnded(): Promise<void> {
    return this.#pipes.ended
  }

  /** Closes the pipes, at the end of the daemon. */
  closePipes(): void {
    this.#pipes.close()
  }

  /** Returns the living processes that left its session; none if /proc cannot be read. */
  away(): Promise<readonly Survivor[]> {
    return awayFrom(this.marked, this.#began)
  }

  async #endSession(): Promise<SessionEnd> {
    // The process number is its own until the session is gone.
    this.#began = startedAt(this.pid)
    const end = await endSession(this.#child, COMMAND_END)
    if (end.survived) this.#undying.resolve(UNDYING)
    return end
  }

  #timeOut(): void {
    // It exited before the time-out, and its end is on the way: no time-out is told of it.
    if (this.#child.hasEnded()) return
    this.#timedOut = true
    void this.terminate()
  }

  async #firstInput(stdin: string | Uint8Array | undefined, openStdin: boolean): Promise<void> {
    const bytes = typeof stdin === 'string' ? Buffer.from(stdin) : stdin
    // A child that does not read all it was given is no failure (`head -c1`).
    if (bytes !== undefined) await this.#input.write([bytes]).catch(() => undefined)
    if (!openStdin) this.#input.end()
  }

  async #live(): Promise<TaskEnd> {
    const exit = await Promise.race([this.#child.exited, this.#undying.promise])
    clearTimeout(this.#timer)
    this.#input.finish()
    const ended = await this.#ending
    this.#log.endPacing()
    const stdioHeld = await this.#pipes.drain()
    const survivors = ended === undefined ? [] : await this.away()
    const outcome = outcomeOf(exit, this.#timedOut, ended, this.spec)
    this.#end = { ...outcome, undying: ended?.survived === true, survivors, stdioHeld, at: new Date(), exit }
    this.#log.end()
    return this.#end
  }
}

type TaskOutcome = Pick<TaskEnd, 'status' | 'exitCode' | 'signal' | 'timedOut' | 'error'>

/** Returns status, code and error: 124 after a time-out, 137 if KILL was needed, 128 + n after signal n. Pure. */
export function outcomeOf(
  exit: Pick<ChildExit, 'code' | 'signal'>,
  timedOut: boolean,
  ended: SessionEnd | undefined,
  spec: Pick<TaskSpec, 'timeoutSeconds'>,
): TaskOutcome {
  const { signal } = exit
  const rest = ended?.survived === true ? '; some of its processes survived even that' : ''
  if (timedOut) {
    const how =
      ended?.killed === true
        ? 'SIGTERM was not enough, its processes were ended with SIGKILL'
        : 'its processes were ended with SIGTERM'
    const error = `timed out after ${spec.timeoutSeconds} s: ${how}${rest}`
    return { status: 'failed', exitCode: ended?.killed === true ? 137 : 124, signal, timedOut, error }
  }
  if (ended !== undefined) {
    // Clients take 0 for success (protocol.md#exec-task), and this was none, even where the program took TERM calmly.
    const exitCode = exit.code === 0 ? (ended.killed ? 137 : 143) : exit.code
    return {
      status: 'failed',
      exitCode,
      signal,
      timedOut,
      error: `ended on request with ${ended.killed ? 'SIGKILL' : 'SIGTERM'}${rest}`,
    }
  }
  if (signal === undefined) return { status: 'exited', exitCode: exit.code, signal, timedOut, error: undefined }
  const why = signal === 'SIGKILL' ? ', which this daemon did not send (the kernel does when memory runs out)' : ''
  return { status: 'failed', exitCode: exit.code, signal, timedOut, error: `ended by ${signal}${why}` }
}
