// A task as clients see it (protocol.md#exec-task): the schema, and the reports that fill it. The transport adds
// `success`.

import type { Static } from 'typebox'
import type { Rendered } from '../operation.ts'
import { id, optional, Type } from '../schema.ts'
import { leftoverFields, leftoversReply } from './leftovers.ts'
import { outputText } from '../workspace/exec/output-text.ts'
import type { Orphan } from '../workspace/exec/earlier-life.ts'
import type { Task } from '../workspace/exec/task.ts'
import type { Excerpt } from '../workspace/exec/task-output.ts'

const text = (description: string) => Type.String({ description })
const yes = (description: string) => optional(Type.Boolean({ description }))
const bytes = (description: string) => optional(Type.Integer({ description, minimum: 0 }))

export const taskId = id('The task, as exec_run and exec_list name it.')

const fields = {
  id: text('A decimal number; never given twice'),
  command: Type.Array(Type.String(), { description: 'As requested' }),
  command_truncated: yes('Over MCP: the command is longer than this'),
  status: Type.Unsafe<'running' | 'exited' | 'failed' | 'orphaned'>({
    type: 'string',
    enum: ['pending', 'running', 'exited', 'failed', 'orphaned'],
    description:
      'exited: it ended by itself, with any code; failed: by a signal, a timeout or on request; ' +
      'orphaned: it runs on from before the daemon was killed',
  }),
  guest_pid: Type.Integer({ description: 'Process id, also the id of its process group and session' }),
  exit_code: Type.Integer({
    description: '-1 until it has ended; 128 + n for signal n; 124 after a timeout (137 if it took SIGKILL)',
  }),
  error: optional(text('Reason of a failure')),
  created_at: text('ISO 8601'),
  started_at: optional(text('ISO 8601')),
  exited_at: optional(text('ISO 8601; absent while it runs')),
  ttl_seconds: Type.Integer({ description: 'Seconds for which it is kept after its end; -1: no limit of time' }),
  cwd: text('Directory in which it was started'),
  exec_mode: text('As requested'),
  timed_out: yes('timeout_seconds passed'),
  signal: optional(text('The signal that ended it, such as SIGKILL')),
  ...leftoverFields,
  stdio_held: yes('A process that outlived the command still holds its stdout or stderr; it lives on'),
  cpu_user_ms: optional(Type.Number({ description: 'CPU time in the program' })),
  cpu_system_ms: optional(Type.Number({ description: 'CPU time in the kernel' })),
  max_rss_bytes: optional(Type.Integer({ description: 'Peak memory, where it exceeds the daemon’s own' })),
}

/** A task without its output. */
export const taskEntry = Type.Object(fields)

/** A task's output, and the facts about it. */
export const outputFields = {
  stdout: text('UTF-8; U+FFFD where it was not'),
  stderr: text('UTF-8; U+FFFD where it was not'),
  stdout_truncated: yes('Part of stdout is missing here'),
  stderr_truncated: yes('Part of stderr is missing here'),
  stdout_bytes: bytes('Bytes of the whole stdout; given when it is truncated'),
  stderr_bytes: bytes('Bytes of the whole stderr; given when it is truncated'),
  stdout_lossy: yes('stdout was not valid UTF-8'),
  stderr_lossy: yes('stderr was not valid UTF-8'),
}

export const taskReport = Type.Object({ ...fields, ...outputFields })

type TaskEntry = Static<typeof taskEntry>
type TaskReport = Rendered<Static<typeof taskReport>>

export function taskEntryOf(task: Task): TaskEntry {
  const { spec, end } = task
  const begun = task.startedAt.toISOString()
  return {
    id: task.id,
    command: [...spec.command],
    status: task.status,
    guest_pid: task.pid,
    exit_code: end?.exitCode ?? -1,
    created_at: begun,
    started_at: begun,
    ttl_seconds: spec.ttlSeconds,
    cwd: spec.cwd,
    exec_mode: spec.mode,
    ...(end === undefined
      ? {}
      : {
          exited_at: end.at.toISOString(),
          cpu_user_ms: end.exit.cpuUserMs,
          cpu_system_ms: end.exit.cpuSystemMs,
          ...peakMemory(end.exit.maxRssBytes),
        }),
    ...(end?.error === undefined ? {} : { error: end.error }),
    ...endingOf(task),
  }
}

/** Returns the entry of a command of an earlier life: the facts that can still be told. */
export function orphanEntry({ id, command, session, cwd, startedAt }: Orphan): TaskEntry {
  const begun = startedAt.toISOString()
  return {
    id,
    command: [...command],
    status: 'orphaned',
    guest_pid: session,
    exit_code: -1,
    created_at: begun,
    started_at: begun,
    ttl_seconds: -1,
    cwd,
    exec_mode: 'auto',
  }
}

/**
 * Returns a child's peak memory if it is above our own: the kernel starts a child's peak at its parent's, so a smaller
 * figure would say more about the daemon than about the command.
 */
function peakMemory(bytes: number): { max_rss_bytes?: number } {
  return bytes > process.resourceUsage().maxRSS * 1024 ? { max_rss_bytes: bytes } : {}
}

/** Returns the marks of an end that is out of the ordinary. */
function endingOf({ end }: Task) {
  const survivors = end?.survivors ?? []
  return {
    ...leftoversReply({ survived: end?.undying === true || survivors.length > 0, survivors }),
    ...(end?.timedOut === true ? ({ timed_out: true } as const) : {}),
    ...(end?.signal === undefined ? {} : { signal: end.signal }),
    ...(end?.stdioHeld === true ? ({ stdio_held: true } as const) : {}),
  }
}

/** Reports a task with the end of its output, as far as it is kept. */
export function tailReport(task: Task): Promise<TaskReport> {
  return withOutput(task, task.tail('stdout'), task.tail('stderr'), 'front')
}

/** Reports a task with its output from the beginning, for the reply that waited for the end. */
export function wholeReport(task: Task): Promise<TaskReport> {
  return withOutput(task, task.head('stdout'), task.head('stderr'), 'back')
}

async function withOutput(task: Task, stdout: Excerpt, stderr: Excerpt, cut: 'front' | 'back'): Promise<TaskReport> {
  const running = task.end === undefined
  const read = (excerpt: Excerpt) => {
    const short = excerpt.total > excerpt.bytes
    return outputText(excerpt.pieces, { front: short && cut === 'front', back: (short && cut === 'back') || running })
  }
  const entry = taskEntryOf(task)
  const [out, err] = [await read(stdout), await read(stderr)]
  return {
    ...entry,
    stdout: out.text,
    stderr: err.text,
    ...(stdout.total > stdout.bytes ? { stdout_truncated: true } : {}),
    ...(stderr.total > stderr.bytes ? { stderr_truncated: true } : {}),
    ...(stdout.total > stdout.bytes ? { stdout_bytes: stdout.total } : {}),
    ...(stderr.total > stderr.bytes ? { stderr_bytes: stderr.total } : {}),
    ...(out.lossy ? { stdout_lossy: true } : {}),
    ...(err.lossy ? { stderr_lossy: true } : {}),
  }
}

/** Returns the data of the last event of a stream. The exit code is always a number (protocol.md#exec-task). */
export function exitOf(task: Task): Readonly<Record<string, unknown>> {
  const { end } = task
  return {
    exit_code: end?.exitCode ?? -1,
    pid: task.pid,
    status: task.status,
    ...endingOf(task),
    ...(end?.error === undefined ? {} : { error: end.error }),
  }
}
