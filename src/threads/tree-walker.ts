// The tree walker's thread: all work of a walk that takes time, down to the UTF-8 of the answer. Each request for a
// batch is one message and gets one turn, so several walks take turns, a reader that stops asking stops its walk, and
// `stop` is heard between turns.

import { noticeOf } from '../base/fault.ts'
import { mainPort } from '../base/port.ts'
import { hashNamed } from './walk/file-bytes.ts'
import { Ground } from './walk/ground.ts'
import { Listing } from './walk/list-render.ts'
import { NameWalk } from './walk/name-walk.ts'
import { Output } from './walk/entry.ts'
import type { Batch, FromWalker, HashJob, Job, WalkSummary, ToWalker, FilesJob } from './walk/walk-job.ts'
import { below, relative, type Location } from './walk/directory.ts'
import { folded } from './walk/fold.ts'

/** Milliseconds of one turn. A walk that has found nothing by then answers with an empty batch. */
const TURN = 15

interface Running {
  readonly output: Output
  readonly steps: Generator<void, WalkSummary>
}

const main = mainPort<ToWalker, FromWalker>()
const running = new Map<number, Running>()

function start(job: Job): Running {
  const output = new Output()
  return { output, steps: job.kind === 'hash' ? hashFile(job) : walk(job, output) }
}

/** Opens the root at once, so that one that cannot be walked is refused before `opened` is sent. */
function walk(job: Exclude<Job, HashJob>, output: Output): Generator<void, WalkSummary> {
  const ground = new Ground(job.path, job.rules)
  if (job.kind === 'list') return summarized(ground, new Listing(job, ground, output))
  if (job.kind === 'names') return summarized(ground, new NameWalk(job, ground, output))
  return summarized(ground, new FileWalk(job, ground, output))
}

interface WalkSteps {
  readonly count: number
  readonly truncated: boolean
  readonly depthLimited?: boolean
  readonly cutAt?: string | undefined
  readonly lossyNames?: WalkSummary['lossyNames'] | undefined
  run(): Generator<void, void>
}

function* summarized(ground: Ground, steps: WalkSteps): Generator<void, WalkSummary> {
  yield* steps.run()
  return {
    count: steps.count,
    truncated: steps.truncated,
    ...(steps.cutAt !== undefined && { cutAt: steps.cutAt }),
    ...(steps.lossyNames !== undefined && { lossyNames: steps.lossyNames }),
    depthLimited: steps.depthLimited ?? false,
    errors: ground.errors,
    unreadable: ground.unreadable,
  }
}

function* hashFile({ path, fd }: HashJob): Generator<void, WalkSummary> {
  const sha256 = yield* hashNamed(path, fd)
  return { count: 1, truncated: false, depthLimited: false, errors: 0, unreadable: [], sha256 }
}

/** Runs one turn: until the batch is full, the time is up or the walk is over. */
function turn({ output, steps }: Running): Batch {
  const end = performance.now() + TURN
  for (;;) {
    const step = steps.next()
    if (step.done === true) return { bytes: output.take(), end: step.value }
    if (output.full || performance.now() >= end) return { bytes: output.take() }
  }
}

function handle(message: ToWalker): void {
  const { id } = message
  const known = running.get(id)
  if (message.type === 'open') {
    running.set(id, start(message.job))
    main.say({ type: 'opened', id })
  } else if (message.type === 'stop') {
    running.delete(id)
    known?.steps.return(undefined as never) // closes what the walk holds open
  } else if (known === undefined) main.say({ type: 'over', id })
  else {
    const batch = turn(known)
    if (batch.end !== undefined) running.delete(id)
    main.say({ type: 'batch', id, batch }, [batch.bytes.buffer as ArrayBuffer]) // made by Output, shared with nothing
  }
}

main.hear((message) => {
  try {
    handle(message)
  } catch (error) {
    running.delete(message.id)
    main.say({ type: 'failed', id: message.id, fault: noticeOf(error, 'the walk') })
  }
})

/**
 * Lists the regular files that the rules admit, for a search of their content: each path relative to the root, ended by
 * NUL. A path that is not UTF-8 is written as "/" and base64: no relative path begins with a slash.
 */
class FileWalk {
  readonly truncated = false
  readonly #job: FilesJob
  readonly #ground: Ground
  readonly #output: Output
  readonly #ends: readonly string[]
  #count = 0

  constructor(job: FilesJob, ground: Ground, output: Output) {
    this.#job = job
    this.#ground = ground
    this.#output = output
    this.#ends = job.extensions.map((extension) => `.${extension}`)
  }

  get count(): number {
    return this.#count
  }

  *run(): Generator<void, void> {
    const pending = [this.#ground.root]
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      for (const item of this.#ground.enter(directory)) {
        if (this.#ground.tired || this.#output.full) yield
        const { name, kind } = item
        if (kind !== 'directory' && (kind !== 'file' || !this.#wanted(name))) continue
        if (!this.#job.hidden && name.startsWith('.')) continue
        if (!this.#ground.admits(directory, item)) continue
        const child = kind === 'directory' ? this.#ground.descend(directory, item) : undefined
        if (child !== undefined) pending.push(child)
        if (kind === 'file') this.#put(below(directory, item))
      }
    }
  }

  #wanted(name: string): boolean {
    if (this.#ends.length === 0) return true
    const plain = folded(name)
    return this.#ends.some((end) => plain.endsWith(end))
  }

  #put(location: Location): void {
    this.#count++
    const { path, raw } = relative(this.#ground.root, location)
    this.#output.put(raw === undefined ? `${path}\0` : `/${raw.toString('base64')}\0`)
  }
}
