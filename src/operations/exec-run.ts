// exec_run: starts a command and waits for its end, for some time, or not at all (protocol.md#exec). Each command runs
// in its own session with real pipes; a code other than 0 is a result, not a fault. The command's time-out is enforced
// in workspace/exec/task.ts; `wait_seconds` here ends the call alone.

import type { Static } from 'typebox'
import { Fault } from '../base/fault.ts'
import { whenDone } from '../base/waiting.ts'
import { operation, type Call } from '../operation.ts'
import { argv, content, environment, flag, number, optional, path, text, Type, whole } from '../schema.ts'
import type { Task } from '../workspace/exec/task.ts'
import { KEPT_BYTES, KEPT_TASKS, type TaskRequest } from '../workspace/exec/tasks.ts'
import { taskStream } from './exec-stream.ts'
import { runFit } from './exec-fit.ts'
import { endsFields, endsReport, nextCall, nextOf, outputBytes, TEXT_BYTES, USUAL_WAIT_SECONDS } from './exec-output.ts'
import { lastLineOf } from './exec-progress.ts'
import { tailReport, taskReport, wholeReport } from './exec-report.ts'
import { refuseWithheld } from '../workspace/files/opening/access.ts'

/** Seconds a finished task is kept where `ttl_seconds` is 0. */
const TTL_SECONDS = 300
/** Longest time of a timer of Node: 2^31 - 1 ms. */
const MOST_SECONDS = 2_147_483

const kept = `At most ${KEPT_TASKS} finished commands and ${KEPT_BYTES / 1024 / 1024} MiB of their output are kept; the oldest go first.`

const runInput = Type.Object({
  command: argv(
    'The program and its arguments, each an element, which run as they are; or one element: a line for a shell.',
  ),
  stream: flag('Answer with server-sent events.', false),
  exec_mode: text(
    'auto: two elements or more run as they are, one with spaces or shell characters through /bin/sh. ' +
      'direct: one element is split into words, no shell. shell: the words joined, through /bin/sh. ' +
      'background: answers at once with the running task. Anything else is auto.',
    { default: 'auto' },
  ),
  timeout_seconds: number('Seconds until all its processes are ended (SIGTERM, SIGKILL 2 s later). 0: none.', {
    minimum: 0,
    maximum: MOST_SECONDS,
    default: 0,
  }),
  ttl_seconds: whole(`Seconds the task is kept after its end. 0: ${TTL_SECONDS}. -1: no limit of time. ${kept}`, {
    minimum: -1,
    maximum: MOST_SECONDS,
    default: 0,
  }),
  keep_logs: flag('Keep the last 8 MiB of stdout and of stderr instead of 256 KiB.', false),
  cwd: optional(path('Directory in which it starts; the working directory of the daemon unless given.')),
  env: optional(environment('Variables laid over those it inherits.')),
  stdin: optional(
    content(
      'Bytes that its stdin begins with. A waited-for command then reads end of file; otherwise stdin stays open for exec_input.',
    ),
  ),
  background: flag('Answer at once with the running task.', false),
  wait_seconds: optional(
    number(
      'Seconds to wait for the end; then the answer has the running task, which runs on, and the call to make next.',
      {
        minimum: 0,
        maximum: MOST_SECONDS,
      },
    ),
  ),
  output_bytes: outputBytes,
  kill_on_disconnect: flag('End the command if the caller leaves before its end.', false),
})

type RunInput = Static<typeof runInput>

export const execRun = operation({
  name: 'exec_run',
  title: 'Run a command',
  summary: 'Runs a command and answers when it has ended, with its exit code and output.',
  scope: 'exec',
  area: 'Commands',
  input: runInput,
  output: Type.Object({ ...taskReport.properties, ...endsFields, next: nextCall }),
  aliases: { cmd: 'command' },
  routes: [
    { method: 'POST', path: '/exec', answers: ['application/json', 'text/event-stream'] },
    { method: 'POST', path: '/exec/stream', fixed: { stream: true }, answers: 'text/event-stream' },
  ],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
    description:
      'Run a command, build, test, script or program in the workspace and return its exit code, stdout and stderr. ' +
      'command is an array: ["ls","-l"] runs as it is, one element such as ["make test | tail"] is a line that a shell runs. ' +
      'A non-zero exit code is a result, not an error. It waits for the end, or for wait_seconds: then the command runs on and exec_get with the id waits further. ' +
      'For servers set background true. stdin is empty unless given. Output that is too long (16 MiB, or output_bytes) is cut and says so.',
    hidden: ['stream', 'kill_on_disconnect'],
    // Over MCP the signal aborts only if the caller has cancelled, and that ends the command (protocol.md#exec). Output
    // that does not fit into the result is read afterwards, so it is kept.
    defaults: { kill_on_disconnect: true, keep_logs: true },
    // Answered before clients give up (60 s of silence); logs stay long enough to be read in parts.
    fit: runFit,
    text: {
      form: 'command',
      more: 'exec_get',
      most: { output_bytes: TEXT_BYTES },
      defaults: { wait_seconds: USUAL_WAIT_SECONDS, output_bytes: TEXT_BYTES, keep_logs: true },
    },
    meta: { 'anthropic/alwaysLoad': true },
  },
  remarks:
    'As a stream: `task_id` first, then `stdout` and `stderr` with the base64 of raw bytes in `data`, at the end `exit` ' +
    'with `exit_code`. Each event has one JSON object as its data. The command runs on when the reader leaves.',
  statuses: [404, 504],
  example: { command: ['ls', '-l', '/app'], timeout_seconds: 60 },
  async run(input, call) {
    const background = input.background || input.exec_mode === 'background'
    const waits = !input.stream && !background
    await refuseWithheld(input.cwd, call.access)
    const task = await call.workspace.tasks.start(requestOf(input, waits))
    const end = (): void => void task.terminate()
    if (input.stream) {
      const first = { event: 'task_id', data: { task_id: task.id } }
      return taskStream(task, { signal: call.signal, first, ...(input.kill_on_disconnect ? { abandoned: end } : {}) })
    }
    if (background)
      return input.output_bytes === undefined ? tailReport(task) : endsReport(task, input.output_bytes, false)
    call.progress?.(lastLineOf(task))
    return waitedFor(task, input, call)
  },
})

function requestOf(input: RunInput, waits: boolean): TaskRequest {
  return {
    command: input.command,
    mode: input.exec_mode,
    cwd: input.cwd,
    env: input.env,
    timeoutSeconds: input.timeout_seconds,
    ttlSeconds: input.ttl_seconds === 0 ? TTL_SECONDS : input.ttl_seconds,
    keepLogs: input.keep_logs,
    whole: waits,
    stdin: input.stdin,
    openStdin: !waits,
  }
}

/**
 * Returns the report of the task once it has ended or wait_seconds have passed. If the caller leaves first, the wait
 * ends and the task runs on, unless it is to be ended then.
 */
async function waitedFor(task: Task, input: RunInput, call: Call) {
  const { wait_seconds: seconds, output_bytes: bytes, kill_on_disconnect: kill } = input
  try {
    const ms = seconds === undefined ? undefined : seconds * 1000
    if ((await whenDone(task.finished, call.signal, ms)) === 'aborted') {
      if (kill) void task.terminate()
      throw gone(task, kill)
    }
    const report = bytes === undefined ? await wholeReport(task) : endsReport(task, bytes, true)
    return { ...report, ...nextOf(task) }
  } finally {
    task.releaseHeads()
  }
}

function gone(task: Task, kill: boolean): Fault {
  const what = kill ? 'was ended' : 'runs on'
  return new Fault('unavailable', `the call ended before task ${task.id} did; the task ${what}`, {
    details: { id: task.id },
  })
}
