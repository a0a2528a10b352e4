// Commands: run, watch, feed, end (contract 5). Each runs in its own session with real pipes; a code other
// than 0 is a result, not a fault.

import type { Static } from 'typebox'
import { Fault } from '../fault.ts'
import { operation, type Call } from '../operation.ts'
import { argv, choice, content, environment, flag, id, number, optional, path, text, Type, whole } from '../schema.ts'
import type { Task } from '../workspace/exec/task.ts'
import { KEPT_BYTES, KEPT_TASKS, type TaskRequest } from '../workspace/exec/tasks.ts'
import { outputStream, taskStream } from './exec-frames.ts'
import { entryOf, tailReport, taskEntry, taskReport, wholeReport } from './exec-task.ts'
import { inputBytes } from './input-bytes.ts'

/** Contract 5: `ttl_seconds` 0 stands for this. */
const TTL_SECONDS = 300
/** Longest a timer of Node runs: 2^31 - 1 ms. */
const MOST_SECONDS = 2_147_483

const kept = `At most ${KEPT_TASKS} finished commands and ${KEPT_BYTES / 1024 / 1024} MiB of their output are kept; the oldest go first.`

const runInput = Type.Object({
  command: argv('The command: an array of arguments that runs as it is, or one string that a shell runs.'),
  stream: flag('Answer with server-sent events.', false),
  exec_mode: text(
    'auto: an array of two or more runs as it is, one string with spaces or shell characters through /bin/sh. ' +
      'direct: one string is split into words, no shell. shell: the words joined, through /bin/sh. ' +
      'background: answers at once with the running task. Anything else is auto.',
    { default: 'auto' },
  ),
  timeout_seconds: number('Seconds until its process group is ended (SIGTERM, SIGKILL 2 s later). 0: none.', {
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
  cwd: optional(path('Where it starts; the working directory of the daemon unless given.')),
  env: optional(environment('Variables laid over those it inherits.')),
  stdin: optional(
    content(
      'What its stdin begins with. A waited-for command then reads end of file; otherwise stdin stays open for exec_input.',
    ),
  ),
  background: flag('Answer at once with the running task.', false),
  kill_on_disconnect: flag('End the command when the caller leaves before its end.', false),
})

type RunInput = Static<typeof runInput>

export const execRun = operation({
  name: 'exec_run',
  title: 'Run a command',
  summary: 'Runs a command and answers when it has ended, with its exit code and output.',
  scope: 'exec',
  input: runInput,
  output: taskReport,
  aliases: { cmd: 'command' },
  routes: [
    { method: 'POST', path: '/exec' },
    { method: 'POST', path: '/exec/stream', fixed: { stream: true } },
  ],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
    description:
      'Run a command, build, test, script or program in the workspace and return its exit code, stdout and stderr. ' +
      'command is an array such as ["ls","-l"] that runs as it is, or one string such as "make test | tail" that a shell runs. ' +
      'A non-zero exit code is a result, not an error. It waits for the end: for servers and long jobs set background true and read them with exec_get. ' +
      'stdin is empty unless given. Up to 16 MiB of each stream come back.',
    hidden: ['stream', 'kill_on_disconnect'],
    // There the signal aborts only when the caller has cancelled, and that ends the command (contract 16).
    defaults: { kill_on_disconnect: true },
  },
  async run(input, call) {
    const background = input.background || input.exec_mode === 'background'
    const waits = !input.stream && !background
    const task = await call.workspace.tasks.start(requestOf(input, waits))
    const end = (): void => void task.terminate()
    if (input.stream) {
      const first = { event: 'task_id', data: { task_id: task.id } }
      return taskStream(task, { signal: call.signal, first, ...(input.kill_on_disconnect ? { abandoned: end } : {}) })
    }
    return background ? tailReport(task) : finished(task, call, input.kill_on_disconnect)
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

/** The report of the task once it has ended. Where the caller leaves first, the wait ends and the task runs on. */
async function finished(task: Task, call: Call, kill: boolean): Promise<Awaited<ReturnType<typeof wholeReport>>> {
  const { promise, resolve } = Promise.withResolvers<'left'>()
  const leave = (): void => {
    if (kill) void task.terminate()
    resolve('left')
  }
  call.signal.addEventListener('abort', leave, { once: true })
  if (call.signal.aborted) leave()
  try {
    if ((await Promise.race([task.finished, promise])) !== 'left') return await wholeReport(task)
    const what = kill ? 'was ended' : 'runs on'
    throw new Fault('unavailable', `the call ended before task ${task.id} did; the task ${what}`, {
      details: { id: task.id },
    })
  } finally {
    call.signal.removeEventListener('abort', leave)
    task.releaseHeads()
  }
}

const taskId = id('The task, as exec_run and exec_list name it.')

export const execList = operation({
  name: 'exec_list',
  title: 'List commands',
  summary: 'Lists the commands that run and those that finished and are still kept, without their output.',
  scope: 'exec',
  input: Type.Object({}),
  output: Type.Object({ tasks: Type.Array(taskEntry, { description: 'Oldest first' }) }),
  routes: [{ method: 'GET', path: '/exec' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    description:
      'List the commands started with exec_run: id, command, status, exit code and times, oldest first, without output. ' +
      'Use it to find the id of a background command; exec_get then returns its output.',
  },
  run: (_input, call) => Promise.resolve({ tasks: call.workspace.tasks.list().map(entryOf) }),
})

export const execGet = operation({
  name: 'exec_get',
  title: 'Look at a command',
  summary: 'Shows one command: its status, exit code and the end of its output.',
  scope: 'exec',
  input: Type.Object({ id: taskId }),
  output: taskReport,
  aliases: { task_id: 'id' },
  routes: [{ method: 'GET', path: '/exec/:id' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    description:
      'Get the status, exit code and latest stdout and stderr of a command by its id, while it runs or after it ended. ' +
      'exit_code is -1 while it runs. The last 256 KiB of each stream are kept (8 MiB with keep_logs); stdout_truncated says that earlier output is gone. ' +
      'Reading does not consume anything.',
  },
  statuses: [404],
  run: (input, call) => tailReport(call.workspace.tasks.get(input.id)),
})

export const execInput = operation({
  name: 'exec_input',
  title: 'Write to a command',
  summary: 'Writes to the stdin of a running command, and closes it where asked to.',
  scope: 'exec',
  input: Type.Object({
    id: taskId,
    input: optional(content('The text to write, newline included where the program waits for one.')),
    base64: flag('input is base64.', false),
    eof: flag('Close stdin after it: the program reads end of file.', false),
  }),
  output: Type.Object({ bytes_written: Type.Integer({ description: 'Bytes the program has been given', minimum: 0 }) }),
  aliases: { task_id: 'id', data: 'input', stdin: 'input' },
  routes: [{ method: 'POST', path: '/exec/:id/input', body: 'bytes' }],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
    description:
      'Send text to the stdin of a running background command: answer a prompt, feed data, or finish its input with eof true. ' +
      'End a line with \\n. Only commands started with background true keep stdin open; a finished one answers a conflict. ' +
      'Waits until the program has taken the text, at most 30 s without progress.',
  },
  statuses: [404, 409, 504],
  async run(input, call) {
    const task = call.workspace.tasks.get(input.id)
    if (input.input === undefined && call.body === undefined && !input.eof) {
      throw new Fault('bad_request', 'input is missing (also taken: data, stdin); accepted is a string, or eof true', {
        details: { field: 'input' },
      })
    }
    const source = input.input === undefined ? (call.body ?? []) : [inputBytes(input.input, input.base64)]
    return { bytes_written: await task.input(source, input.eof, call.signal) }
  },
})

export const execDelete = operation({
  name: 'exec_delete',
  title: 'End a command',
  summary: 'Ends a command with everything in its process group and forgets it.',
  scope: 'exec',
  input: Type.Object({
    id: taskId,
    keep_process: flag('Only forget it; what runs goes on until the daemon stops.', false),
  }),
  output: Type.Object({
    id: Type.String(),
    survived: optional(Type.Boolean({ description: 'Some of its processes did not even end by SIGKILL' })),
  }),
  aliases: { task_id: 'id' },
  routes: [{ method: 'DELETE', path: '/exec/:id' }],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
    description:
      'Stop, kill or cancel a command by its id and forget its output. Its whole process group gets SIGTERM and, 2 s later, SIGKILL; ' +
      'the answer comes when the group is gone. For a finished command it only removes the record (and ends what it left running). ' +
      'Read the output with exec_get first if it is still wanted.',
  },
  statuses: [404],
  async run(input, call) {
    const { survived } = await call.workspace.tasks.delete(input.id, { keepProcess: input.keep_process })
    return { id: input.id, ...(survived ? { survived } : {}) }
  },
})

export const execDeleteAll = operation({
  name: 'exec_delete_all',
  title: 'End all commands',
  summary: 'Ends every command and forgets all of them.',
  scope: 'exec',
  input: Type.Object({}),
  output: Type.Object({ deleted: Type.Integer({ description: 'Commands that were there', minimum: 0 }) }),
  routes: [{ method: 'DELETE', path: '/exec' }],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
    description:
      'Stop every running command in the workspace, whoever started it, and forget all finished ones. ' +
      'Returns how many there were. To stop one, use exec_delete with its id.',
  },
  run: async (_input, call) => ({ deleted: await call.workspace.tasks.deleteAll() }),
})

export const execAttach = operation({
  name: 'exec_attach',
  title: 'Follow a command',
  summary: 'Streams a command as server-sent events: what is kept of its output, what follows, its exit.',
  scope: 'exec',
  input: Type.Object({
    task_id: taskId,
    replay: choice(
      'For a finished command: its output as one text event, or as chunks like those of a running one.',
      ['output', 'chunks'],
      'output',
    ),
  }),
  output: Type.Object({}),
  aliases: { id: 'task_id' },
  routes: [{ method: 'GET', path: '/exec/stream' }],
  statuses: [404],
  async run(input, call) {
    const task = call.workspace.tasks.get(input.task_id)
    if (task.end !== undefined && input.replay === 'output') return outputStream(task)
    return taskStream(task, { signal: call.signal })
  },
})

export const exec = [execRun, execList, execGet, execInput, execDelete, execDeleteAll, execAttach] as const
