// Decides on which thread a start is made. Everything that the kernel touches to start a program (working directory,
// folders of PATH, the program, its interpreters) is looked at first. If all of it is on file systems of this machine,
// the start is made on the calling thread, as fast as can be. Otherwise looks and start go to other threads
// (far-calls.ts): posix_spawn stands until the child has executed its program, and the daemon would stand with it.

import { quote } from '../../base/fault.ts'
import { mountBehind } from '../files/mounts/mount-table.ts'
import { remoteMountsNow } from '../files/mounts/remote-mounts.ts'
import type { FarCalls } from './far-calls.ts'
import { lookLater, lookNow, type FileQuestion } from './file-look.ts'
import { findProgram, whatIsTouched, type FileInquiry, type ProgramOptions } from './program-path.ts'

export interface StartPlan {
  /** Path of the program. */
  readonly path: string
  /** The part that may not answer; undefined if all of it is on this machine. */
  readonly touched: FarPart | undefined
}

/** A mount that the kernel goes through when it starts the program, and what lies on it. */
export interface FarPart {
  /** Name for people: `working directory "/srv/data"`. */
  readonly what: string
  readonly mount: string
}

/**
 * Plans a start. Throws why the command names nothing that can be started. A promise if a look had to leave this
 * thread.
 */
export function planStart(options: ProgramOptions, far: FarCalls): StartPlan | Promise<StartPlan> {
  const mounts = remoteMountsNow()
  if (mounts.size === 0) return { path: answerNow(findProgram(options)), touched: undefined }
  // Stays on this thread up to the first look that may not.
  const inquiry = startInquiry(options)
  for (let step = inquiry.next(); ;) {
    if (step.done === true) return { path: step.value, touched: undefined }
    if (mountBehind(step.value.path, mounts) !== undefined) return restOf(inquiry, step.value, far)
    step = inquiry.next(lookNow(step.value))
  }
}

function* startInquiry(options: ProgramOptions): FileInquiry<string> {
  const path = yield* findProgram(options)
  yield* whatIsTouched(options, path)
  return path
}

async function restOf(inquiry: FileInquiry<string>, first: FileQuestion, far: FarCalls): Promise<StartPlan> {
  let touched: FarPart | undefined
  const note = (question: FileQuestion, mount: string): void => {
    if (question.touched) touched ??= { what: nameOf(question), mount }
  }
  const path = await followed(inquiry, first, far, note)
  return { path, touched }
}

/** Returns the inquiry's result; every look is made on this thread. */
export function answerNow<T>(inquiry: FileInquiry<T>): T {
  let step = inquiry.next()
  while (step.done !== true) step = inquiry.next(lookNow(step.value))
  return step.value
}

/** Returns the inquiry's result; looks at files that may not answer are made on other threads. */
export async function answerLater<T>(inquiry: FileInquiry<T>, far: FarCalls): Promise<T> {
  const step = inquiry.next()
  return step.done === true ? step.value : await followed(inquiry, step.value, far, () => {})
}

async function followed<T>(
  inquiry: FileInquiry<T>,
  first: FileQuestion,
  far: FarCalls,
  note: (question: FileQuestion, mount: string) => void,
): Promise<T> {
  const mounts = remoteMountsNow()
  const limit = far.limit()
  for (let question = first; ;) {
    const mount = mountBehind(question.path, mounts)
    const asked = question
    if (mount !== undefined) note(asked, mount)
    const what = nameOf(asked)
    const seen =
      mount === undefined ? lookNow(asked) : await far.make({ what, mount, ...limit }, () => lookLater(asked))
    const step = inquiry.next(seen)
    if (step.done === true) return step.value
    question = step.value
  }
}

const nameOf = ({ role, path }: FileQuestion): string => `${role} ${quote(path)}`
