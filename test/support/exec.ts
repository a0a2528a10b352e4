// Runs exec operations on real processes without a transport: with a workspace that has tasks alone, and in the way of
// the gate.

import { readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { readInput } from '../../src/intake/intake.ts'
import { JsonText, jsonPieces } from '../../src/base/json-text.ts'
import { EventStream, type Call, type Frame, type Operation } from '../../src/operation.ts'
import { openChildren } from '../../src/workspace/processes/child.ts'
import { isDead, parseStat } from '../../src/workspace/processes/process-table.ts'
import { CHILD_START } from './child-start.ts'
import { TaskMarks } from '../../src/workspace/exec/task-ids.ts'
import { openTasks, type Tasks, type TasksOptions } from '../../src/workspace/exec/tasks.ts'
import type { Workspace } from '../../src/workspace/workspace.ts'
import { EVERYTHING } from '../../src/workspace/files/opening/access.ts'
import { ownDirectory, type Owner } from './own-directory.ts'

/** Every field an exec operation answers with. */
export interface Answer {
  readonly id: string
  readonly command: readonly string[]
  readonly status: string
  readonly guest_pid: number
  readonly exit_code: number
  readonly stdout: string
  readonly stderr: string
  readonly error?: string
  readonly signal?: string
  readonly timed_out?: boolean
  readonly stdio_held?: boolean
  readonly ttl_seconds: number
  readonly exited_at?: string
  readonly stdout_truncated?: boolean
  readonly stdout_bytes?: number
  readonly stdout_lossy?: boolean
  readonly tasks: readonly Answer[]
  readonly bytes_written: number
  readonly deleted: number
}

type More = Partial<Call> & { readonly fixed?: object }

export interface Bench {
  readonly tasks: Tasks
  /** The home of the commands: empty, and gone with the test. */
  readonly home: string
  /** Runs an operation on raw input, as the gate does. Rendered parts come back as values. */
  readonly run: (op: unknown, raw?: Record<string, unknown>, more?: More) => Promise<Answer>
  /** The same for an operation that streams. */
  readonly stream: (op: unknown, raw?: Record<string, unknown>, more?: More) => Promise<AsyncIterator<Frame>>
}

/** Ids and marks in a fresh state directory, which the end of the test removes. */
export function marksIn(t: Owner): TaskMarks {
  return new TaskMarks(ownDirectory(t, 'marks-'))
}

export function openBench(t: Test, options: Partial<TasksOptions> = {}): Bench {
  const home = ownDirectory(t, 'home-')
  const environment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8' }
  const children = openChildren(CHILD_START)
  const tasks = openTasks(children, { limit: 50, workdir: '/tmp', environment, marks: marksIn(t), ...options })
  t.teardown(async () => {
    await tasks[Symbol.asyncDispose]()
    await children[Symbol.asyncDispose]()
  })
  const workspace = { tasks } as unknown as Workspace // exec asks for nothing else
  const call = async (op: unknown, raw: Record<string, unknown>, more: More) => {
    const { fixed, ...rest } = more
    const declared = op as Operation
    const { input } = readInput(declared, raw, { unknown: 'report', ...(fixed === undefined ? {} : { fixed }) })
    return declared.run(input, { workspace, access: EVERYTHING, signal: new AbortController().signal, ...rest })
  }
  return {
    tasks,
    home,
    async run(op, raw = {}, more = {}) {
      const value = await call(op, raw, more)
      if (value instanceof EventStream) throw new Error('a stream came where a value was expected')
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)])) as unknown as Answer
    },
    async stream(op, raw = {}, more = {}) {
      const value = await call(op, raw, more)
      if (!(value instanceof EventStream)) throw new Error('a value came where a stream was expected')
      return value.frames[Symbol.asyncIterator]()
    },
  }
}

function plain(item: unknown): unknown {
  return item instanceof JsonText ? JSON.parse(Buffer.concat([...jsonPieces(item)] as Buffer[]).toString()) : item
}

export interface Collected {
  readonly events: string[]
  readonly stdout: string
  readonly stderr: string
  readonly bytes: Buffer
  readonly exit: Record<string, unknown>
  readonly frames: Frame[]
}

/** A frame's memory is its reader's only until the next is asked for. */
function copied(frame: Frame): Frame {
  return 'bytes' in frame ? { event: frame.event, bytes: Buffer.from(frame.bytes) } : frame
}

/** Reads a stream to its end. */
export async function collect(stream: AsyncIterator<Frame>): Promise<Collected> {
  const frames: Frame[] = []
  for (let step = await stream.next(); step.done !== true; step = await stream.next()) frames.push(copied(step.value))
  const events = frames.map((frame) => ('event' in frame ? frame.event : ''))
  const of = (name: string) =>
    Buffer.concat(frames.flatMap((frame) => ('bytes' in frame && frame.event === name ? [frame.bytes] : [])))
  const bytes = of('stdout')
  const last = frames.at(-1)
  const exit = last !== undefined && 'data' in last ? { ...last.data } : {}
  return { events, stdout: bytes.toString(), stderr: of('stderr').toString(), bytes, exit, frames }
}

/** The process number that a command printed; never 0, which kill(2) takes for the caller's own group. */
export function pidIn(output: string | undefined): number {
  const pid = Number(/\d+/.exec(output ?? '')?.[0])
  if (!(pid > 1)) throw new Error(`no process number was printed: ${JSON.stringify(output)}`)
  return pid
}

/** Whether a process of that number runs; a zombie does not. */
export function runs(pid: number): boolean {
  try {
    const entry = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    return entry !== undefined && !isDead(entry)
  } catch {
    return false
  }
}
