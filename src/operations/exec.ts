// Commands that have been started: list, feed, end, follow (protocol.md#exec). exec-run starts one, exec-get looks at
// one, exec-stream makes the stream of one.

import { Fault } from '../base/fault.ts'
import { operation } from '../operation.ts'
import { choice, content, flag, optional, Type } from '../schema.ts'
import { taskEntryOf, orphanEntry, taskEntry, taskId } from './exec-report.ts'
import { leftoverFields, leftoversReply } from './leftovers.ts'
import { outputStream, taskStream } from './exec-stream.ts'
import { inputBytes } from './input-bytes.ts'

export const execList = operation({
  name: 'exec_list',
  title: 'List commands',
  summary: 'Lists the commands that run and those that finished and are still kept, without their output.',
  scope: 'exec',
  area: 'Commands',
  input: Type.Object({}),
  output: Type.Object({ tasks: Type.Array(taskEntry, { description: 'Oldest first' }) }),
  routes: [{ method: 'GET', path: '/exec' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    text: { form: 'commands', more: 'exec_get' },
    description:
      'List the commands started with exec_run: id, command, status, exit code and times, oldest first, without output. ' +
      'orphaned: started before the daemon was killed, and still running; its output is lost, exec_delete ends it. ' +
      'Use it to find the id of a background command; exec_get then returns its output.',
  },
  example: {},
  async run(_input, call) {
    const { tasks } = call.workspace
    const orphans = await tasks.earlier.list()
    return { tasks: [...orphans.map(orphanEntry), ...tasks.list().map(taskEntryOf)] }
  },
})

export const execInput = operation({
  name: 'exec_input',
  title: 'Write to a command',
  summary: 'Writes to the stdin of a running command, and closes it where asked to.',
  scope: 'exec',
  area: 'Commands',
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
    text: { form: 'input' },
    description:
      'Send text to the stdin of a running background command: answer a prompt, feed data, or finish its input with eof true. ' +
      'End a line with \\n. Only commands started with background true keep stdin open; a finished one answers a conflict. ' +
      'Waits until the program has taken the text, at most 30 s without progress.',
  },
  statuses: [404, 409, 504],
  example: { id: '17', input: 'yes\n', eof: true },
  async run(input, call) {
    const task = await call.workspace.tasks.reach(input.id)
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
  summary: 'Ends a command with every process of its session and forgets it.',
  scope: 'exec',
  area: 'Commands',
  input: Type.Object({
    id: taskId,
    keep_process: flag('Only forget it; its processes go on until the daemon stops.', false),
  }),
  output: Type.Object({
    id: Type.String(),
    ...leftoverFields,
  }),
  aliases: { task_id: 'id' },
  routes: [{ method: 'DELETE', path: '/exec/:id' }],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
    description:
      'Stop, kill or cancel a command by its id and forget its output. All its processes, in any process group, get SIGTERM and, 2 s later, SIGKILL; ' +
      'the answer comes when they are gone. A daemon that made a session of its own (setsid) lives on. For a finished command it only removes the record (and ends what it left running). ' +
      'Read the output with exec_get first if it is still wanted.',
  },
  statuses: [404, 409],
  example: { id: '17' },
  async run(input, call) {
    const removal = await call.workspace.tasks.delete(input.id, { keepProcess: input.keep_process })
    return { id: input.id, ...leftoversReply(removal) }
  },
})

export const execDeleteAll = operation({
  name: 'exec_delete_all',
  title: 'End all commands',
  summary: 'Ends every command and forgets all of them.',
  scope: 'exec',
  area: 'Commands',
  input: Type.Object({}),
  output: Type.Object({
    deleted: Type.Integer({ description: 'Commands that were there', minimum: 0 }),
    ...leftoverFields,
  }),
  routes: [{ method: 'DELETE', path: '/exec' }],
  tool: {
    hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
    description:
      'Stop every running command in the workspace, also those of other clients, and forget all finished ones. ' +
      'Returns how many there were. To stop one, use exec_delete with its id.',
    confirm(_input, call) {
      const running = call.workspace.tasks.list().some((task) => task.end === undefined)
      return Promise.resolve(
        running ? 'End every command that runs in the workspace, also those of other clients?' : undefined,
      )
    },
  },
  example: {},
  async run(_input, call) {
    const removal = await call.workspace.tasks.deleteAll()
    return { deleted: removal.deleted, ...leftoversReply(removal) }
  },
})

export const execAttach = operation({
  name: 'exec_attach',
  title: 'Follow a command',
  summary: 'Streams a command as server-sent events: what is kept of its output, what follows, its exit.',
  scope: 'exec',
  area: 'Commands',
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
  routes: [{ method: 'GET', path: '/exec/stream', answers: 'text/event-stream' }],
  statuses: [404, 409],
  remarks:
    'Events as of POST /exec/stream, without `task_id`. A finished command answers with one `output` event (stdout and ' +
    'stderr as text) and `exit`; `gap` says how many bytes are no longer kept.',
  example: { task_id: '17' },
  async run(input, call) {
    const task = await call.workspace.tasks.reach(input.task_id)
    if (task.end !== undefined && input.replay === 'output') return outputStream(task)
    return taskStream(task, { signal: call.signal })
  },
})
