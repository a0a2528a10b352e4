// Where a start may be made. Whatever the kernel touches to start a program (working directory, folders of PATH, the
// program, what interprets it) is looked at first: all of it on file systems of this machine, and the start is
// made on the calling thread, as fast as can be; otherwise looks and start go to threads that may stand. A
// posix_spawn stands until the child has executed its program, and so would the daemon.

import { quote } from '../../base/fault.ts'
import { mountBehind } from '../files/mounts/mount-table.ts'
import { remoteMountsNow } from '../files/mounts/remote-mounts.ts'
import type { FarCalls } from './far-calls.ts'
import { lookLater, lookNow, type FileQuestion } from './file-look.ts'
import { findProgram, whatIsTouched, type FileInquiry, type ProgramOptions } from './program-path.ts'

export interface StartPlan {
  /** What is executed. */
  readonly path: string
  /** What of it may not answer; undefined where all is of this machine. */
  readonly touched: FarPart | undefined
}

/** A mount that the kernel goes through when it starts the program, and what lies on it. */
export interface FarPart {
  /** For people: `working directory "/srv/data"`. */
  readonly what: string
  readonly mount: string
}

/** Throws why the command names nothing that can be started. A promise where a look had to leave this thread. */
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

/** The inquiry's answer, every look made on this thread. */
export function answerNow<T>(inquiry: FileInquiry<T>): T {
  let step = inquiry.next()
  while (step.done !== true) step = inquiry.next(lookNow(step.value))
  return step.value
}

/** The inquiry's answer, looks at what may not answer made on threads that may stand. */
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
