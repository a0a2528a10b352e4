// Archives on their way into the workspace: each upload has a thread, which gets the body as fast as it uses it up and
// no faster (protocol.md#archives; T-01 to T-05). However an upload ends, its thread is at rest or gone, and its
// temporary file gone, when the answer is given; files that were complete stay.

import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'
import { BLOCK_BYTES } from '../../threads/archive/tar-block.ts'
import { reachedSentence, type Progress, type UnpackLimits } from '../../threads/archive/unpack-job.ts'
import { checkBeginning } from '../../threads/archive/unpack-source.ts'
import { EVERYTHING, type Access, type LeftOut } from '../files/opening/access.ts'
import { foresee } from '../files/opening/held-directory.ts'
import { remoteMountOf } from '../files/mounts/remote-calls.ts'
import { ThreadLimit } from './thread-limit.ts'
import { openUnpackJournals, type UnpackJournals } from './unpack-journals.ts'
import { STOP_MS, UnpackThread, UnpackThreads } from './unpack-thread.ts'

export interface Unpacker extends AsyncDisposable {
  /**
   * Unpacks a tar archive, plain or compressed with gzip or zstd, into the directory `dest`. The chunks of `body` are
   * the unpacker's once they have come: their memory goes to its thread. Throws the fault of the archive, of a member
   * or of the body, with what was complete by then in its details.
   */
  unpack(dest: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal, access?: Access): Promise<Progress>
}

export interface UnpackerOptions {
  readonly stateDirectory: string
  readonly durable: boolean
  /** Limits for tests; UNPACK_LIMITS unless given. */
  readonly limits?: Partial<UnpackLimits>
}

/** Limits of one archive (T-03, protocol.md#archives). */
export const UNPACK_LIMITS: UnpackLimits = {
  members: 1_000_000,
  ratio: 1000,
  freeShare: 0.05,
  freeBytes: 64 * 1024 * 1024,
}

/** Threads at once, and bodies that wait for one: they wait in the kernel's buffers, not in ours. */
const THREADS = { what: 'archives being unpacked', limit: 4, waiting: 16, waitMs: 30_000 }
/**
 * Limits of threads on remote file systems, where a thread may stand in the kernel for as long as they do not answer.
 */
const FAR_THREADS = { ...THREADS, what: 'archives being unpacked on mounted file systems' }

export async function openUnpacker(options: UnpackerOptions): Promise<Unpacker> {
  const journals = await openUnpackJournals(options.stateDirectory)
  const [near, far] = [new ThreadLimit(THREADS), new ThreadLimit(FAR_THREADS)]
  const threads = new UnpackThreads()
  const running = new Set<Promise<unknown>>()
  const stopping = new AbortController()
  return {
    async unpack(dest, body, signal, access = EVERYTHING) {
      const either = AbortSignal.any([signal, stopping.signal])
      await foresee(dest, { access }, false)
      const leftOut = access.everything ? undefined : await access.leftOut()
      const begun = await beginning(body)
      const mount = remoteMountOf(dest)
      const leave = await (mount === undefined ? near : far).enter(either)
      const task = unpackOne(
        { dest, body: begun, signal: either, leftOut, mount, leave },
        { journals, threads },
        options,
      )
      running.add(task)
      try {
        return await task
      } finally {
        running.delete(task)
      }
    },
    async [Symbol.asyncDispose]() {
      near.close()
      far.close()
      stopping.abort(new Fault('unavailable', 'the daemon is stopping'))
      await Promise.allSettled(running)
      await threads[Symbol.asyncDispose]()
    },
  }
}

interface Upload {
  readonly dest: string
  readonly body: AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
  readonly leftOut: LeftOut | undefined
  /** The remote mount that `dest` lies on. */
  readonly mount: string | undefined
  /** Gives the thread back. */
  readonly leave: () => void
}

/** Resolves with the whole body, once its first bytes say that it may be an archive: no thread starts for any other. */
async function beginning(body: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const chunks = body[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let bytes = Buffer.alloc(0)
  try {
    while (bytes.byteLength < BLOCK_BYTES) {
      const step = await chunks.next()
      if (step.done === true) break
      first.push(step.value)
      bytes = Buffer.concat([bytes, step.value.subarray(0, BLOCK_BYTES)])
    }
    checkBeginning(bytes)
  } catch (error) {
    void chunks.return?.().catch(() => undefined)
    throw error
  }
  return withFirst(first, chunks)
}

async function* withFirst(first: readonly Uint8Array[], chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* first
    for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) yield step.value
  } finally {
    void chunks.return?.().catch(() => undefined)
  }
}

interface UnpackParts {
  readonly journals: UnpackJournals
  readonly threads: UnpackThreads
}

async function unpackOne(
  upload: Upload,
  { journals, threads }: UnpackParts,
  options: UnpackerOptions,
): Promise<Progress> {
  const journal = await journals.open()
  let gone = Promise.resolve()
  try {
    const limits = { ...UNPACK_LIMITS, ...options.limits }
    const { dest, leftOut } = upload
    const job = { dest, durable: options.durable, journal, limits, leftOut }
    await using thread = new UnpackThread(threads, job, upload)
    gone = thread.gone
    return await feed(thread, upload.body[Symbol.asyncIterator]())
  } finally {
    // A thread that stands in the kernel counts, and keeps its notes, until it is back.
    const settled = gone.then(() => journals.close(journal)).finally(upload.leave)
    await Promise.race([settled, upload.mount === undefined ? settled : pause(STOP_MS)])
  }
}

/** Hands the body over chunk by chunk; a body that is refused is not read to its end. */
async function feed(thread: UnpackThread, body: AsyncIterator<Uint8Array>): Promise<Progress> {
  try {
    for (;;) {
      const step = await thread.when(() => body.next())
      if (step === 'over' || step.done === true) break
      thread.give(step.value)
    }
    return await thread.finish()
  } catch (error) {
    throw told(error, await thread.stop())
  } finally {
    void body.return?.().catch(() => undefined) // it may wait for its client for as long as that likes
  }
}

/** Returns a fault of the body, with what had been unpacked by then; the thread's own faults say so already. */
function told(error: unknown, progress: Progress | undefined): unknown {
  if (!(error instanceof Fault) || progress === undefined) return error
  const { files, last } = progress
  return new Fault(error.code, `${error.message}; ${reachedSentence(files, last)}`, {
    details: { ...error.details, files_extracted: files, last_extracted: last ?? null },
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
    cause: error,
  })
}
