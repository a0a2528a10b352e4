// A task as a stream of events (protocol.md#exec-streams): its output in the order it came, then its exit. The stream
// lets go of the task's output when its reader ends it and when the caller leaves, even in the middle of a wait.

import { Fault } from '../base/fault.ts'
import { losses } from '../base/tally.ts'
import { EventStream, type Frame } from '../operation.ts'
import { shortText } from '../workspace/exec/output-text.ts'
import type { LogReader } from '../workspace/exec/task-log.ts'
import type { Task } from '../workspace/exec/task.ts'
import { exitOf } from './exec-report.ts'

interface TaskStreamOptions {
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal
  /** Sent before everything else. */
  readonly first?: Frame
  /** Called if the stream ends before the task's exit was sent. */
  readonly abandoned?: () => void
}

/** Returns the stream of a task: the output kept, the output to come, the exit. */
export function taskStream(task: Task, { signal, first, abandoned }: TaskStreamOptions): EventStream {
  const reader = task.read()
  const frames = framesOf(task, reader, first)
  let over = false
  const leave = (): void => {
    reader.close()
    if (!over) abandoned?.()
    over = true
  }
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  const iterator: AsyncIterator<Frame> = {
    async next() {
      const step = await frames.next()
      if (step.done === true || ('event' in step.value && step.value.event === 'exit')) {
        over = true
        reader.close()
        signal.removeEventListener('abort', leave)
      }
      return step
    },
    // Not the generator's own `return`: that would wait until its pending read is over.
    async return() {
      signal.removeEventListener('abort', leave)
      leave()
      await frames.return(undefined)
      return { done: true, value: undefined }
    },
  }
  return new EventStream('sse', { [Symbol.asyncIterator]: () => iterator })
}

async function* framesOf(task: Task, reader: LogReader, first: Frame | undefined): AsyncGenerator<Frame, undefined> {
  if (first !== undefined) yield first
  const { stdout, stderr } = reader.gap
  if (stdout + stderr > 0) {
    losses.execGaps++
    yield { event: 'gap', data: { stdout_bytes: stdout, stderr_bytes: stderr } }
  }
  for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
    yield { event: chunk.stream, bytes: chunk.bytes }
  }
  // A stream that was given up has no clean end: "stream ended" and "process ended" are different things.
  if (reader.closed) throw new Fault('unavailable', `the stream of task ${task.id} was given up before its end`)
  await task.finished
  yield { event: 'exit', data: exitOf(task) }
}

/** Returns a finished task in two events: the output kept, as text, and the exit. */
export function outputStream(task: Task): EventStream {
  const text = (stream: 'stdout' | 'stderr'): string => {
    const { pieces, bytes, total } = task.tail(stream)
    return shortText(pieces, { front: total > bytes, back: false }).text
  }
  async function* frames(): AsyncGenerator<Frame> {
    yield { event: 'output', data: { stdout: text('stdout'), stderr: text('stderr') } }
    yield { event: 'exit', data: exitOf(task) }
  }
  return new EventStream('sse', frames())
}
