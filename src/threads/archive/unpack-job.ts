// The messages between the main thread and an unpacker, which unpacks one archive at a time: chunks of the archive one
// way, as many as the unpacker has room for, and how it ended the other way. Beside them what one archive leaves behind
// and may cost: the notes of its temporary files (UnpackJournal), and its budget (UnpackBudget).

import { closeSync, constants, ftruncateSync, openSync, writeSync, statfsSync } from 'node:fs'
import { quote, Fault, type FaultNotice } from '../../base/fault.ts'
import { pathOfOpened } from '../../base/opened-path.ts'
import type { LeftOut } from '../walk/left-out.ts'
import { memberFault } from './unpack-header.ts'

export interface UnpackJob {
  /** Absolute; made if it is missing. */
  readonly dest: string
  /** True: the file systems that were written to are flushed before it is done (`files.durable`). */
  readonly durable: boolean
  /** Path of the notes of the temporary file in flight; undefined: nothing is noted. */
  readonly journal: string | undefined
  readonly limits: UnpackLimits
  /** Directories and files that are withheld from the caller; undefined: none. */
  readonly leftOut?: LeftOut | undefined
}

export interface UnpackLimits {
  /** Members of one archive at most. */
  readonly members: number
  /** Bytes that come out for each that goes in; looked at from the first MiB on. */
  readonly ratio: number
  /** Share of the file system that stays free, and its least in bytes. */
  readonly freeShare: number
  readonly freeBytes: number
}

/** Progress of an archive. */
export interface Progress {
  /** Files, links included, that are complete in their place. */
  readonly files: number
  /** The name of the last of them; undefined: none. */
  readonly last: string | undefined
  readonly directories: number
  /** Bytes of their content. */
  readonly bytes: number
}

/** Returns how far it came, for the end of an error's sentence. */
export function reachedSentence(files: number, last: string | undefined): string {
  if (files === 0) return 'no file was extracted'
  return `${files === 1 ? '1 file is' : `${files} files are`} extracted completely, the last is ${quote(last)}`
}

/** Bytes that a chunk counts at least: so small pieces are bounded in number too. */
const LEAST_ROOM_BYTES = 4096

/** Returns the room that a chunk takes from when it is handed over until it has been used up. */
export const roomOf = (bytes: number): number => Math.max(bytes, LEAST_ROOM_BYTES)

export type ToUnpacker =
  /** The next archive; messages for the one before are over. */
  | { readonly type: 'job'; readonly job: UnpackJob }
  | { readonly type: 'chunk'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  /** Give up: the body broke off, or its caller has left. */
  | { readonly type: 'stop' }

export type FromUnpacker =
  /** So many bytes of what was sent need no memory any more. */
  | { readonly type: 'taken'; readonly bytes: number }
  | { readonly type: 'done'; readonly progress: Progress }
  | { readonly type: 'failed'; readonly fault: FaultNotice; readonly progress: Progress }
  | { readonly type: 'stopped'; readonly progress: Progress }

export type TemporaryKind = 'file' | 'link'

/** Bytes after which the notes begin anew, some 400 files: all of these but the last are in their places. */
const RESTART_BYTES = 64 * 1024

export class UnpackJournal implements Disposable {
  readonly #fd: number | undefined
  #bytes = 0

  constructor(path: string | undefined) {
    this.#fd =
      path === undefined ? undefined : openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW)
  }

  /**
   * Notes a temporary file that is about to be made; the one before must be gone. A line is `f` or `l`, for a file or a
   * link, and the path as a byte string in JSON. The kernel has it before the file is there, so that a killed unpacker
   * leaves none behind (protocol.md#archives, T-05; workspace/archives/unpack-journals.ts reads it). A full disk under
   * the notes does not forbid files elsewhere.
   */
  note(kind: TemporaryKind, path: string): void {
    if (this.#fd === undefined) return
    try {
      if (this.#bytes > RESTART_BYTES) this.clear()
      this.#bytes += writeSync(this.#fd, `${kind === 'file' ? 'f' : 'l'}${JSON.stringify(path)}\n`)
    } catch {
      this.#bytes = RESTART_BYTES + 1
    }
  }

  /** Forgets all notes: nothing is left of the files. */
  clear(): void {
    if (this.#fd !== undefined) ftruncateSync(this.#fd)
    this.#bytes = 0
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}

/** Output after which the ratio means something. */
const RATIO_FROM = 1024 * 1024

/** Bytes written after which the free space is asked for again; a larger file has it asked for itself. */
const LOOK_EVERY = 16 * 1024 * 1024

/** Bytes that an entry takes besides its content: an inode and its share of a directory. */
const ENTRY_BYTES = 4096

/** Share of a small file system that is kept free at most, even if `freeBytes` is more. */
const MOST_SHARE = 0.25

export class UnpackBudget {
  readonly #limits: UnpackLimits
  #members = 0
  /** Bytes that may still be written before the space is looked at again. */
  #room = 0

  constructor(limits: UnpackLimits) {
    this.#limits = limits
  }

  /** Counts one more member. */
  member(): void {
    if (this.#members >= this.#limits.members) {
      throw memberFault(`is one too many: an archive may have ${this.#limits.members} members`, 'payload_too_large')
    }
    this.#members++
  }

  /** Looks at the ratio: `into` bytes came in so far, `out` came out of them. */
  expansion(into: number, out: number): void {
    const { ratio } = this.#limits
    if (out <= RATIO_FROM || out <= into * ratio) return
    throw new Fault(
      'payload_too_large',
      `the archive unpacks to more than ${ratio} times its size: ${out} bytes out of ${into} so far`,
      { details: { limit: ratio, unit: 'times', bytes: out } },
    )
  }

  /** Looks at the space: so many bytes are about to be written as one file on the file system in which `fd` is open. */
  space(bytes: number, fd: number): void {
    const wanted = bytes + ENTRY_BYTES
    if (wanted > this.#room) this.#look(wanted, fd)
    this.#room -= wanted
  }

  /** Forgets what was known about the space: the next file lies on another file system. */
  elsewhere(): void {
    this.#room = 0
  }

  #look(wanted: number, fd: number): void {
    const { bavail, bsize, blocks } = statfsSync(pathOfOpened(fd))
    if (blocks === 0) {
      this.#room = Math.max(LOOK_EVERY, wanted) // the file system does not count blocks
      return
    }
    const { freeShare, freeBytes } = this.#limits
    const total = blocks * bsize
    const kept = Math.min(Math.max(total * freeShare, freeBytes), total * MOST_SHARE)
    const free = bavail * bsize
    if (wanted > free - kept) {
      const needs = `needs ${wanted} bytes where ${free} are free, of which ${Math.ceil(kept)} are kept free`
      throw memberFault(needs, 'insufficient_storage', { needed: wanted, free, kept: Math.ceil(kept), unit: 'bytes' })
    }
    this.#room = Math.max(wanted, Math.min(LOOK_EVERY, free - kept))
  }
}
