// exec_get: one command, its state and its output: the end of both streams, or a range of one by offsets that the
// caller keeps. It can wait for the end, or for something new, and consumes nothing.

import type { Static } from 'typebox'
import { operation, type Call } from '../operation.ts'
import { choice, number, optional, Type, whole } from '../schema.ts'
import { getFit } from './exec-fit.ts'
import {
  endsFields,
  endsReport,
  MOST_WAIT_SECONDS,
  nextCall,
  nextOf,
  outputBytes,
  PART_BYTES,
  rangeFields,
  rangeReport,
  TEXT_BYTES,
} from './exec-output.ts'
import { orphanEntry, outputFields, tailReport, taskEntry, taskId } from './exec-report.ts'

const { stdout, stderr, ...outputMarks } = outputFields

const input = Type.Object({
  id: taskId,
  stream: optional(
    Type.Unsafe<'stdout' | 'stderr'>({
      type: 'string',
      enum: ['stdout', 'stderr'],
      description: 'Return a range of this stream instead of the end of both; stdout where only offset is given.',
    }),
  ),
  offset: optional(
    whole('First byte of the range: 0, or the next_offset of the answer before. Negative: counted from the end.', {
      minimum: -Number.MAX_SAFE_INTEGER,
      maximum: Number.MAX_SAFE_INTEGER,
    }),
  ),
  limit: whole('Most bytes of the range.', { minimum: 16, maximum: PART_BYTES, default: 256 * 1024 }),
  encoding: choice('Encoding of the range; base64 returns the exact bytes.', ['utf8', 'base64'], 'utf8'),
  wait_seconds: number('Seconds to wait for the end; with stream or offset, for output beyond offset or the end.', {
    minimum: 0,
    maximum: MOST_WAIT_SECONDS,
    default: 0,
  }),
  output_bytes: outputBytes,
})

export const execGet = operation({
  name: 'exec_get',
  title: 'Look at a command',
  summary: 'Shows one command: its status, exit code and the end of its output, or a range of one stream.',
  scope: 'exec',
  area: 'Commands',
  input,
  output: Type.Object({
    ...taskEntry.properties,
    stdout: optional(stdout),
    stderr: optional(stderr),
    ...outputMarks,
    ...endsFields,
    ...rangeFields,
    next: nextCall,
  }),
  aliases: { task_id: 'id' },
  routes: [{ method: 'GET', path: '/exec/:id' }],
  tool: {
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    description:
      'Get the status, exit code and latest stdout and stderr of a command by its id, while it runs or after it ended. ' +
      'exit_code is -1 while it runs; wait_seconds waits for its end. To read one stream exactly give stream and offset, then ' +
      'the next_offset of each answer: with wait_seconds it waits for new output; eof true is the end. ' +
      'The last 256 KiB of each stream are kept (8 MiB with keep_logs); gap_bytes and stdout_truncated say what is gone. Reading consumes nothing.',
    fit: getFit,
    text: {
      form: 'command',
      defaults: { output_bytes: TEXT_BYTES, limit: 32 * 1024 },
      most: { output_bytes: TEXT_BYTES, limit: 64 * 1024 },
    },
    meta: { 'anthropic/maxResultSizeChars': 500_000 },
  },
  statuses: [404],
  example: { id: '17', stream: 'stdout', offset: 0, wait_seconds: 30 },
  run: (asked, call) => look(asked, call),
})

/** Marks of a command of an earlier life: what it prints after its daemon was killed reaches no reader. */
const LOST = { stdout_truncated: true, stderr_truncated: true }

async function look(asked: Static<typeof input>, call: Call) {
  const { tasks } = call.workspace
  const orphan = tasks.list().some(({ id }) => id === asked.id) ? undefined : await tasks.earlier.get(asked.id)
  if (orphan !== undefined) return { ...orphanEntry(orphan), stdout: '', stderr: '', ...LOST }
  const task = tasks.get(asked.id)
  const { stream, offset, wait_seconds: seconds } = asked
  const waits = seconds === 0 ? undefined : AbortSignal.any([call.signal, AbortSignal.timeout(seconds * 1000)])
  if (stream !== undefined || offset !== undefined) {
    return await rangeReport(task, { ...asked, stream: stream ?? 'stdout', offset: offset ?? 0 }, waits)
  }
  if (waits !== undefined) await task.until('stdout', () => false, waits)
  const { output_bytes: bytes } = asked
  const report = bytes === undefined ? await tailReport(task) : endsReport(task, bytes, false)
  return waits === undefined ? report : { ...report, ...nextOf(task) }
}
