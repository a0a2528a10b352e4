// Archives on their way out (downloads), and the form that each gets: `await packers.pack(request, signal)`, then
// iterate. Each has a worker, which walks, reads and compresses, and four slots of shared memory through which the
// bytes come. So memory is the same for any size, the client's pace is the worker's, and a client that leaves ends the
// worker at once (T-07).

import { basename } from 'node:path'
import { startWorker } from '../../base/assets.ts'
import { Fault, faultOf } from '../../base/fault.ts'
import { WorkerPort } from '../../base/port.ts'
import {
  type ArchiveFormat,
  type FromPacker,
  type PackJob,
  type PackRemarks,
  SLOT_BYTES,
  SLOTS,
  slotsOf,
  type ToPacker,
} from '../../threads/archive/pack-job.ts'
import { expandPatterns } from '../../threads/walk/pattern-list.ts'
import { leadsToRemote } from '../files/mounts/remote-calls.ts'
import { EVERYTHING, type Access } from '../files/opening/access.ts'
import { rootsOf } from './pack-request.ts'
import { ThreadLimit } from './thread-limit.ts'

export interface PackRequest {
  readonly paths: readonly string[]
  readonly exclude_patterns: readonly string[]
  readonly format: ArchiveFormat
}

interface PackerOptions {
  /** Archives made at once; 4 unless given. */
  readonly limit?: number
  /** Requests that may wait for one of those to end, and milliseconds that each waits. */
  readonly waiting?: number
  readonly waitMs?: number
}

/** An archive on its way. `return` of its iterator, at any time, ends the worker. */
export interface Packing extends AsyncIterable<Uint8Array> {
  /** Entries that the archive lacks; complete once the iterator has ended. */
  readonly remarks: PackRemarks
}

export interface Packers extends AsyncDisposable {
  readonly running: number
  /** Starts an archive. Throws the fault of a path that will not do, or `unavailable` at too many archives at once. */
  pack(request: PackRequest, signal: AbortSignal, access?: Access): Promise<Packing>
}

export function openPackers({ limit = 4, waiting = 16, waitMs = 10_000 }: PackerOptions = {}): Packers {
  const near = new ThreadLimit({ what: 'archives being made', limit, waiting, waitMs })
  // A thread that comes to a remote file system which does not answer counts until it does.
  const far = new ThreadLimit({ what: 'archives being made of mounted file systems', limit, waiting, waitMs })
  const running = new Set<Packer>()
  return {
    get running() {
      return running.size
    },
    async pack({ paths, exclude_patterns, format }, signal, access = EVERYTHING) {
      const excludes = expandPatterns('exclude_patterns', exclude_patterns)
      await using stack = new AsyncDisposableStack()
      const roots = await rootsOf(paths, access, stack)
      const leftOut = access.everything ? undefined : await access.leftOut()
      const isFar = paths.some(leadsToRemote)
      stack.defer(await (isFar ? far : near).enter(signal))
      const memory = new SharedArrayBuffer(SLOTS * SLOT_BYTES)
      const packer = new Packer({ roots, format, excludes, leftOut, memory }, isFar ? PATIENCE_MS : undefined, () => {
        running.delete(packer)
        void held.disposeAsync()
      })
      const held = stack.move() // not before: a thread that does not start holds nothing
      running.add(packer)
      return packer
    },
    async [Symbol.asyncDispose]() {
      near.close()
      far.close()
      await Promise.all([...running].map((packer) => packer.end(new Fault('unavailable', 'the daemon is stopping'))))
    },
  }
}

/** Time in which a packer on a remote file system must fill a slot: one that does not stands in the kernel. */
const PATIENCE_MS = 60_000
const SILENT = new Fault(
  'timeout',
  `a mounted file system did not answer within ${PATIENCE_MS / 1000} s; the archive ends here`,
)

/** Names and headers are short-lived: with Node's limit they pile up to tens of MiB before the collector looks. */
const HEAP = { maxYoungGenerationSizeMb: 4 }

type Filled = Extract<FromPacker, { type: 'filled' }>

/** The main thread's end of one archive. One `next` at a time, as with every iterator here. */
class Packer implements Packing, AsyncIterator<Uint8Array, void> {
  remarks: PackRemarks = { skipped: {}, first: [], unlinked: 0 }
  readonly #port: WorkerPort<ToPacker, FromPacker>
  readonly #slots: readonly Uint8Array[]
  readonly #filled: Filled[] = []
  readonly #over: () => void
  readonly #patienceMs: number | undefined
  #ending: Promise<void> | undefined
  #lent: number | undefined
  #failure: { readonly reason: unknown } | undefined
  #wake: (() => void) | undefined

  /** `patienceMs`: time that a reader waits for a chunk, if the thread may stand in the kernel. */
  constructor(job: PackJob, patienceMs: number | undefined, over: () => void) {
    this.#patienceMs = patienceMs
    this.#over = over
    this.#slots = slotsOf(job.memory)
    this.#port = new WorkerPort(startWorker('archive-packer', job, [], HEAP), 'the archive packer', {
      heard: (message) => this.#hear(message),
      failed: (reason) => void this.end(reason),
    })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Resolves with the next chunk, and gives the one before back to the worker. */
  async next(): Promise<IteratorResult<Uint8Array, void>> {
    if (this.#lent !== undefined) this.#port.say({ type: 'free', slot: this.#lent })
    this.#lent = undefined
    for (;;) {
      const filled = this.#filled.shift()
      if (filled !== undefined) return { done: false, value: this.#chunk(filled) }
      if (this.#failure !== undefined) throw this.#failure.reason
      if (this.#ending !== undefined) return { done: true, value: undefined }
      const timer =
        this.#patienceMs === undefined ? undefined : setTimeout(() => void this.end(SILENT), this.#patienceMs)
      await new Promise<void>((wake) => (this.#wake = wake))
      clearTimeout(timer)
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, void>> {
    this.#filled.length = 0
    const ended = this.end()
    if (this.#patienceMs === undefined) await ended
    return { done: true, value: undefined }
  }

  /** Ends the worker. What it has filled so far may still be asked for; then `reason`, if given, is thrown. */
  end(reason?: unknown): Promise<void> {
    this.#ending ??= this.#terminate(reason)
    return this.#ending
  }

  async #terminate(reason: unknown): Promise<void> {
    if (reason !== undefined) this.#failure = { reason }
    this.#wake?.()
    await this.#port.end()
    this.#over()
  }

  #chunk({ slot, length }: Filled): Uint8Array {
    this.#lent = slot
    return this.#slots[slot]?.subarray(0, length) ?? new Uint8Array()
  }

  #hear(message: FromPacker): void {
    if (message.type === 'filled') this.#filled.push(message)
    else if (message.type === 'end') {
      this.remarks = message.remarks
      void this.end()
    } else void this.end(faultOf(message.fault))
    this.#wake?.()
  }
}

export type { ArchiveFormat }

export const MEDIA_TYPES: Readonly<Record<ArchiveFormat, string>> = {
  'tar.gz': 'application/gzip',
  'tar.zst': 'application/zstd',
  tar: 'application/x-tar',
}

export const FORMATS = Object.keys(MEDIA_TYPES) as readonly ArchiveFormat[] // its keys are the formats

interface Wishes {
  readonly format?: ArchiveFormat
  /** The request's headers of these names. */
  readonly accept?: string
  readonly accept_encoding?: string
}

/**
 * Returns `format` if given; else the media type of an archive that `Accept` ranks first; else zstd if
 * `Accept-Encoding` names it and not gzip. Otherwise gzip: most clients name neither, and fetch names all.
 */
export function chooseFormat({ format, accept = '', accept_encoding = '' }: Wishes): ArchiveFormat {
  if (format !== undefined) return format
  const types = ranked(accept)
  const named = types.flatMap((type) => FORMATS.find((one) => MEDIA_TYPES[one] === type) ?? [])[0]
  if (named !== undefined) return named
  const codings = ranked(accept_encoding)
  return codings.includes('zstd') && !codings.includes('gzip') ? 'tar.zst' : 'tar.gz'
}

/** Returns the names in a header of preferences, best first, without those of weight 0 (RFC 9110 12.4.2). */
function ranked(header: string): string[] {
  return header
    .toLowerCase()
    .split(',')
    .map((part) => {
      const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim())
      const weight = parameters.find((piece) => piece.startsWith('q='))?.slice(2)
      return { name, weight: weight === undefined ? 1 : Number(weight) }
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ name }) => name)
}

/** Returns the name to save an archive of these paths under. */
export function archiveName(paths: readonly string[], format: ArchiveFormat): string {
  const [only = ''] = paths.length === 1 ? paths : []
  return `${basename(only) || 'archive'}.${format}`
}
