// Writing files: whole ones appear at once or not at all (a temporary file beside the target, synced, then
// renamed over it); appending, and targets that cannot be replaced without breaking a link or a mount, are
// written in place and say so (`atomic: false`). A write that fails leaves the old content byte for byte
// (contract 16 and 18, reliability F-06 to F-13).

import { dirname } from 'node:path'
import { errnoOf, Fault, faultOfSystem } from '../../fault.ts'
import { contentBytes, type Encoding } from './file-content.ts'
import { appendFile, overwriteFile } from './in-place.ts'
import { replaceFile } from './replacement.ts'
import { syncDirectory, type Digest, type WriteJob, type WriterParts, type Written } from './write-job.ts'
import { openWriteJournal } from './write-journal.ts'
import { findTarget, type WriteTarget } from './write-target.ts'

export interface WriteRequest {
  readonly path: string
  /** Text, or bytes that are now the writer's. */
  readonly content: string | Uint8Array
  readonly encoding: Encoding
  readonly createDirs: boolean
  readonly append: boolean
  /** Permission bits; undefined: those of the existing file, 0644 for a new one (contract 12 row 28). */
  readonly mode?: number | undefined
  /** Given: the reply carries the hash that this makes of the file as written. */
  readonly digest?: Digest | undefined
}

export interface FileWriter extends AsyncDisposable {
  /** Why temporary files are not journalled, where that is so. */
  readonly problem: string | undefined
  write(request: WriteRequest, signal: AbortSignal): Promise<Written>
}

/** A directory that was renamed into, or a file that is replaced, refuses in these ways; in place may work. */
const IN_PLACE = new Set(['EBUSY', 'EXDEV', 'EPERM', 'EACCES', 'EROFS', 'ENOENT', 'ENAMETOOLONG', 'ENOTSUP'])

export async function openFileWriter(options: { stateDirectory: string; durable: boolean }): Promise<FileWriter> {
  const journal = await openWriteJournal(options.stateDirectory)
  const parts: WriterParts = { ...options, journal }
  const turns = new Map<string, Promise<unknown>>()
  const running = new Set<Promise<unknown>>()
  let open = true

  const write = async (request: WriteRequest, signal: AbortSignal): Promise<Written> => {
    const bytes = await contentBytes(request.content, request.encoding)
    const found = await findTarget(request.path, request.createDirs)
    const job = { ...parts, ...jobOf(request, found), bytes, signal }
    try {
      const written = request.append
        ? await inTurn(turns, found.path, () => appendFile(job))
        : ((await tryReplacing(job)) ?? (await inTurn(turns, found.path, () => overwriteFile(job))))
      if (parts.durable) for (const made of found.created) await syncDirectory(dirname(made))
      return written
    } catch (error) {
      throw faultOfSystem(error, request.path)
    }
  }
  return {
    problem: journal.problem,
    async write(request, signal) {
      if (!open) throw new Fault('unavailable', 'the daemon is stopping')
      const task = write(request, signal)
      running.add(task)
      try {
        return await task
      } finally {
        running.delete(task)
      }
    },
    async [Symbol.asyncDispose]() {
      open = false
      await Promise.allSettled(running) // those who must stop earlier have their signals
      await journal[Symbol.asyncDispose]()
    },
  }
}

function jobOf(request: WriteRequest, found: WriteTarget): Pick<WriteJob, 'target' | 'existing' | 'mode' | 'digest'> {
  return { target: found.path, existing: found.existing, mode: request.mode, digest: request.digest }
}

/** Undefined where the target exists and can only be written in place. */
async function tryReplacing(job: WriteJob): Promise<Written | undefined> {
  if (job.existing !== undefined && job.existing.nlink > 1) return undefined
  try {
    return await replaceFile(job)
  } catch (error) {
    if (job.existing !== undefined && IN_PLACE.has(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

/** One after the other for the same key: two writers in place would mix their bytes. */
async function inTurn<T>(turns: Map<string, Promise<unknown>>, key: string, work: () => Promise<T>): Promise<T> {
  const before = turns.get(key)
  const mine = before === undefined ? work() : before.then(work, work)
  turns.set(key, mine)
  try {
    return await mine
  } finally {
    if (turns.get(key) === mine) turns.delete(key)
  }
}
