// Writes files. A whole file appears at once or not at all: a temporary file beside the target, synced, then renamed
// over it (`become` of new-content.ts). Appending, and targets that cannot be replaced without breaking a link or a
// mount, are written in place and say so (`atomic: false`). A write that fails leaves the old content byte for byte, and one with a condition happens
// only if the condition still holds at the last moment (protocol.md#files-write, F-06 to F-13).

import type { Stats, BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { Fault, faultOfSystem, errnoOf, quote } from '../../../base/fault.ts'
import { copyAttributes } from '../../../native/files.ts'
import { contentBytes, type Encoding } from '../encoding.ts'
import { hashHere, tagOf, type Digest } from '../identity.ts'
import { EVERYTHING, type Access } from '../opening/access.ts'
import { foresee, type HeldEntry, lookExactlyAt, pin } from '../opening/held-directory.ts'
import { appendFile, mayOverwrite, overwriteFile } from './in-place.ts'
import {
  keepAtHand,
  openTemporary,
  Receiver,
  type SentContent,
  type TemporaryFile,
  type WriterParts,
} from './new-content.ts'
import { TargetTurns } from './target-turns.ts'
import { type Precondition, type WriteJob, type Written, FILE_MODE } from './write-job.ts'
import { openWriteJournal, type WriteJournal } from './write-journal.ts'
import { findTarget } from './write-target.ts'

export interface WriteRequest {
  readonly path: string
  /** Text, or bytes that belong to the writer from now on, or a stream of any length that is read once. */
  readonly content: string | SentContent
  /** The encoding of text and bytes; a stream is always taken as it is. */
  readonly encoding: Encoding
  readonly createDirs: boolean
  readonly append: boolean
  /** Permission bits; undefined: an existing file keeps its own, a new one gets 0644 (protocol.md#files-write). */
  readonly mode?: number | undefined
  /** Given: the answer carries the hash that this makes of the file as written. */
  readonly digest?: Digest | undefined
  /** Asked before anything is received, and again when no other call of the daemon can write the file. */
  readonly condition?: Precondition | undefined
  /** The access of the call; not given: everything. */
  readonly access?: Access
}

export interface FileWriter extends AsyncDisposable {
  /** The reason why temporary files are not journalled; undefined: they are. */
  readonly problem: string | undefined
  /** Journal for other makers of temporary files or directories of ours: mover, staging. */
  readonly journal: WriteJournal
  write(request: WriteRequest, signal: AbortSignal): Promise<Written>
  /** Runs `act` while no other call writes `entries`: for renaming and deleting. */
  alone<T>(entries: readonly HeldEntry[], act: () => Promise<T>): Promise<T>
}

export async function openFileWriter(options: { stateDirectory: string; durable: boolean }): Promise<FileWriter> {
  const journal = await openWriteJournal(options.stateDirectory)
  const parts: WriterParts = { ...options, journal, receiver: new Receiver() }
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
      await Promise.allSettled(running) // writes that must stop earlier have their signals
      await journal[Symbol.asyncDispose]()
    },
  }
}

interface WriteContext {
  readonly parts: WriterParts
  readonly turns: TargetTurns
  readonly signal: AbortSignal
}

/** The last step of a write; `now`: the facts of the file at the target then. */
type LastStep = (now: Stats | undefined) => Promise<Written>

async function write(request: WriteRequest, { parts, turns, signal }: WriteContext): Promise<Written> {
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

/** Resolves with undefined if the target exists and can only be written in place. */
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

/** A complete temporary file that may take the target's place. */
interface Replacement {
  readonly file: TemporaryFile
  readonly size: number
  readonly hash: string | undefined
  /** False: it cannot have all that the target has, and only its content is of use. */
  readonly fit: boolean
  /** The file whose owner, attributes and permissions it has; undefined: of none. */
  readonly like: FileIdentity | undefined
}

interface FileIdentity {
  readonly dev: number
  readonly ino: number
}

/**
 * Receives the content into `file`, private until then, and gives it owner, attributes (ACLs are some) and permissions
 * of the target.
 */
async function prepare(file: TemporaryFile, sent: SentContent, job: WriteJob): Promise<Replacement> {
  const { handle, path } = file
  const size = await job.receiver.receive(sent, handle, job.signal)
  let like: FileIdentity | undefined
  try {
    like = await takeOver(handle, job, job.existing !== undefined)
  } catch (error) {
    if (!mayOverwrite(error, job.existing)) throw error
    return { file, size, hash: undefined, fit: false, like: undefined }
  }
  if (job.durable) await handle.sync()
  const here = sent instanceof Uint8Array ? hashHere(sent) : undefined
  const hash = job.digest && (here ?? (await job.digest(path, job.signal)))
  return { file, size, hash, fit: true, like }
}

/**
 * Renames the file over the target, of which `now` is what stands there. If another file stands there by then, owner
 * and permissions are taken anew, so that no user becomes the owner of a file in the place of another's. Throws the
 * system's error with the target as it was.
 */
async function replace(made: Replacement, job: WriteJob, now: Stats | undefined): Promise<Written> {
  const { file, size, hash } = made
  if (now !== undefined && !isSame(now, made.like)) {
    if (!isSame(now, await takeOver(file.handle, job, true))) throw exchanged(job.path)
    if (job.durable) await file.handle.sync()
  }
  const own = await file.handle.stat({ bigint: true })
  await file.become(job.target)
  const etag = tagOf(await afterwards(job, own))
  return { size, atomic: true, created: now === undefined, etag, ...(hash === undefined ? {} : { hash }) }
}

function isSame(one: FileIdentity, other: FileIdentity | undefined): boolean {
  return other !== undefined && one.ino === other.ino && one.dev === other.dev
}

function exchanged(path: string): Fault {
  return new Fault('conflict', `path ${quote(path)} was exchanged for another file while it was written`, {
    details: { field: 'path', got: path },
  })
}

/**
 * Resolves with the facts of our file under its new name. If a process outside has put another file there since: its
 * facts before, whose tag stands for nothing any more, since its change time was another.
 */
async function afterwards({ target }: WriteJob, own: BigIntStats): Promise<BigIntStats> {
  const now = await lookExactlyAt(target).catch(() => undefined)
  return now !== undefined && now.ino === own.ino && now.dev === own.dev ? now : own
}

/**
 * Copies owner, attributes and permissions of the target. Owner before mode, since a change of owner clears bits; ACLs
 * before mode, which has the last word on both (F-10). Resolves with the file that they are of.
 */
async function takeOver(handle: FileHandle, job: WriteJob, replacing: boolean): Promise<FileIdentity | undefined> {
  using standing = replacing ? await pin(job.target).catch(unlessMissing) : undefined
  const old = standing?.stats.isFile() === true ? standing.stats : undefined
  if (old !== undefined) {
    const own = await handle.stat()
    if (own.uid !== old.uid || own.gid !== old.gid) await handle.chown(old.uid, old.gid)
    copyAttributes(standing?.way ?? '', handle.fd)
  }
  await handle.chmod(job.mode ?? (old === undefined ? FILE_MODE : old.mode & 0o1777))
  return old
}

function unlessMissing(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}
