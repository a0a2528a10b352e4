// Writing files: whole ones appear at once or not at all (a temporary file beside the target, synced, then
// renamed over it); appending, and targets that cannot be replaced without breaking a link or a mount, are
// written in place and say so (`atomic: false`). A write that fails leaves the old content byte for byte, and
// one with a condition happens only where that still holds at the last moment (protocol.md#files-write, F-06 to F-13).

import type { Stats } from 'node:fs'
import { Fault, faultOfSystem } from '../../base/fault.ts'
import { EVERYTHING, type Access } from './access.ts'
import { contentBytes, type Encoding } from './file-content.ts'
import { appendFile, mayOverwrite, overwriteFile } from './in-place.ts'
import { foresee, type HeldEntry } from './held-directory.ts'
import { keepAtHand, type SentContent } from './new-content.ts'
import type { Precondition } from './precondition.ts'
import { prepare, replace, type Replacement } from './replacement.ts'
import { TargetTurns } from './target-turns.ts'
import { openTemporary, type TemporaryFile } from './temporary-file.ts'
import type { Digest, WriteJob, WriterParts, Written } from './write-job.ts'
import { openWriteJournal, type WriteJournal } from './write-journal.ts'
import { findTarget } from './write-target.ts'

export interface WriteRequest {
  readonly path: string
  /** Text, or bytes that are now the writer's, or a stream of any length that is read once. */
  readonly content: string | SentContent
  /** Of text and bytes; a stream is always taken as it is. */
  readonly encoding: Encoding
  readonly createDirs: boolean
  readonly append: boolean
  /** Permission bits; undefined: those of the existing file, 0644 for a new one (protocol.md#files-write). */
  readonly mode?: number | undefined
  /** Given: the reply carries the hash that this makes of the file as written. */
  readonly digest?: Digest | undefined
  /** Asked before anything is received, and again when nobody else in the daemon can write the file. */
  readonly condition?: Precondition | undefined
  /** Not given: everything. */
  readonly access?: Access
}

export interface FileWriter extends AsyncDisposable {
  /** Why temporary files are not journalled, where that is so. */
  readonly problem: string | undefined
  /** For whoever else makes temporary files or directories of ours. */
  readonly journal: WriteJournal
  write(request: WriteRequest, signal: AbortSignal): Promise<Written>
  /** Runs `act` while nobody else writes `entries`: for renaming and deleting. */
  alone<T>(entries: readonly HeldEntry[], act: () => Promise<T>): Promise<T>
}

export async function openFileWriter(options: { stateDirectory: string; durable: boolean }): Promise<FileWriter> {
  const journal = await openWriteJournal(options.stateDirectory)
  const parts: WriterParts = { ...options, journal }
  const turns = new TargetTurns()
  const running = new Set<Promise<unknown>>()
  let open = true
  return {
    problem: journal.problem,
    journal,
    async write(request, signal) {
      if (!open) throw new Fault('unavailable', 'the daemon is stopping')
      const task = write(request, { parts, turns, signal })
      running.add(task)
      try {
        return await task
      } catch (error) {
        throw faultOfSystem(error, request.path)
      } finally {
        running.delete(task)
      }
    },
    alone: (entries, act) => turns.takeAll(entries, act),
    async [Symbol.asyncDispose]() {
      open = false
      await Promise.allSettled(running) // those who must stop earlier have their signals
      await journal[Symbol.asyncDispose]()
    },
  }
}

interface Means {
  readonly parts: WriterParts
  readonly turns: TargetTurns
  readonly signal: AbortSignal
}

/** The last step of a write, given what stands at the target now. */
type LastStep = (now: Stats | undefined) => Promise<Written>

async function write(request: WriteRequest, { parts, turns, signal }: Means): Promise<Written> {
  const { content, condition, append, access = EVERYTHING } = request
  const sent = isStream(content) ? content : await contentBytes(content, request.encoding)
  await foresee(request.path, { access }, false)
  await condition?.(request.path, signal)
  using target = await findTarget(request.path, { createDirs: request.createDirs, durable: parts.durable, access })
  const { entry, existing } = target
  const { path, mode, digest } = request
  const job: WriteJob = { ...parts, path, target: entry, existing, mode, digest, signal }
  await using stack = new AsyncDisposableStack()
  const finish = append ? await readyToAppend(sent, job, stack) : await readyToReplace(sent, job, stack)
  const { written, renamed } = await turns.take(entry, async (now) => {
    signal.throwIfAborted()
    await condition?.(entry.real, signal, entry.way)
    return { written: await finish(now), renamed: !append || now === undefined }
  })
  if (parts.durable && renamed) await entry.directory.sync()
  return written
}

function isStream(content: string | SentContent): content is AsyncIterable<Uint8Array> {
  return typeof content === 'object' && Symbol.asyncIterator in content
}

async function readyToAppend(sent: SentContent, job: WriteJob, stack: AsyncDisposableStack): Promise<LastStep> {
  const content = await keepAtHand(sent, job, stack)
  return () => appendFile(content, job)
}

/** Does all that can be done without touching the target. */
async function readyToReplace(sent: SentContent, job: WriteJob, stack: AsyncDisposableStack): Promise<LastStep> {
  const file = await temporaryBeside(job)
  if (file === undefined) {
    const content = await keepAtHand(sent, job, stack)
    return () => overwriteFile(content, job)
  }
  const made = await prepare(stack.use(file), sent, job)
  const content = sent instanceof Uint8Array ? sent : made
  return async (now) => {
    const replaced = made.fit ? await tryReplacing(made, job, now) : undefined
    return replaced ?? (await overwriteFile(content, job))
  }
}

/** Undefined where the target exists and can only be written in place. */
async function temporaryBeside(job: WriteJob): Promise<TemporaryFile | undefined> {
  if (job.existing !== undefined && job.existing.nlink > 1) return undefined
  try {
    return await openTemporary(job.target, job.journal)
  } catch (error) {
    if (mayOverwrite(error, job.existing)) return undefined
    throw error
  }
}

async function tryReplacing(made: Replacement, job: WriteJob, now: Stats | undefined): Promise<Written | undefined> {
  if (now !== undefined && now.nlink > 1) return undefined
  try {
    return await replace(made, job, now)
  } catch (error) {
    if (mayOverwrite(error, now)) return undefined
    throw error
  }
}
