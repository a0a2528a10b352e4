// What passes between the main thread and an unpacker: chunks of the archive one way, as many as the unpacker
// has room for, and how it ended the other way. A thread unpacks one archive at a time.

import { quote } from '../../base/fault.ts'
import type { LeftOut } from '../walk/left-out.ts'
import type { FaultNotice } from '../walk/walk-job.ts'

export interface UnpackJob {
  /** Absolute; made where it is missing. */
  readonly dest: string
  /** Flush the file systems that were written to before saying that it is done (`files.durable`). */
  readonly durable: boolean
  /** Where the temporary file in flight is noted; undefined: nowhere. */
  readonly journal: string | undefined
  readonly limits: UnpackLimits
  /** What the caller may not write to; undefined: nothing is withheld. */
  readonly leftOut?: LeftOut | undefined
}

export interface UnpackLimits {
  /** Members of one archive. */
  readonly members: number
  /** Bytes that come out for each that goes in; looked at from the first MiB on. */
  readonly ratio: number
  /** Share of the file system that stays free, and its least in bytes. */
  readonly freeShare: number
  readonly freeBytes: number
}

/** How far it came. */
export interface Standing {
  /** Files, links included, that are complete in their place. */
  readonly files: number
  /** The name of the last of them; undefined: none. */
  readonly last: string | undefined
  readonly directories: number
  /** Bytes of their content. */
  readonly bytes: number
}

/** How far it came, for the end of an error's sentence. */
export function reachedSentence(files: number, last: string | undefined): string {
  if (files === 0) return 'no file was extracted'
  return `${files === 1 ? '1 file is' : `${files} files are`} extracted completely, the last is ${quote(last)}`
}

/** What a chunk counts at least: so small pieces are bounded in their number too, and not in their bytes alone. */
const LEAST_ROOM_BYTES = 4096

/** The room that a chunk takes from when it is handed over until it has been used up. */
export const roomOf = (bytes: number): number => Math.max(bytes, LEAST_ROOM_BYTES)

export type ToUnpacker =
  /** The next archive; whatever came for the one before is over. */
  | { readonly type: 'job'; readonly job: UnpackJob }
  | { readonly type: 'chunk'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  /** Give up: the body broke off, or nobody wants it any more. */
  | { readonly type: 'stop' }

export type FromUnpacker =
  /** So many bytes of what was sent need no memory any more. */
  | { readonly type: 'taken'; readonly bytes: number }
  | { readonly type: 'done'; readonly standing: Standing }
  | { readonly type: 'failed'; readonly fault: FaultNotice; readonly standing: Standing }
  | { readonly type: 'stopped'; readonly standing: Standing }
