// The messages between the main thread and the worker that makes one archive: the job at its start; slots of shared
// memory, which the worker fills and the main thread gives back, the only buffers between them; and at the end the list
// of what was left out.

import type { FaultNotice } from '../../base/fault.ts'
import type { LeftOut } from '../walk/left-out.ts'

export type ArchiveFormat = 'tar.gz' | 'tar.zst' | 'tar'

/** One requested path and its member name (protocol.md#archives: the base name). */
export interface PackRoot {
  readonly path: string
  readonly name: string
  /** Judged file, given with `leftOut`, open until the archive is over; undefined then: a link itself. */
  readonly fd?: number | undefined
}

export interface PackJob {
  readonly roots: readonly PackRoot[]
  readonly format: ArchiveFormat
  /** Globs in .gitignore syntax, relative to each root, braces already expanded. */
  readonly excludes: readonly string[]
  /** The files that are withheld from the caller; undefined: none. */
  readonly leftOut?: LeftOut | undefined
  /** SLOTS times SLOT_BYTES. */
  readonly memory: SharedArrayBuffer
}

/**
 * Bytes of a slot, which is the reader's until it asks for the next: then the system has its bytes (operation.ts,
 * ByteStream).
 */
export const SLOT_BYTES = 256 * 1024
/** Slots of one archive: one is sent, one waits, two are filled; more gained nothing (measured). */
export const SLOTS = 4

export function slotsOf(memory: SharedArrayBuffer): Uint8Array[] {
  return Array.from({ length: SLOTS }, (_, slot) => new Uint8Array(memory, slot * SLOT_BYTES, SLOT_BYTES))
}

/** The entries that an archive lacks although they were asked for, and those that it has in another form. */
export interface PackRemarks {
  /** Entries left out: counts by reason. What the excludes name is not among them. */
  readonly skipped: Readonly<Record<string, number>>
  /** The first of their paths, with the reason. */
  readonly first: readonly (readonly [reason: string, path: string])[]
  /** Hard links that went in as files, because too many had to be remembered. */
  readonly unlinked: number
}

export type ToPacker = { readonly type: 'free'; readonly slot: number }

export type FromPacker =
  | { readonly type: 'filled'; readonly slot: number; readonly length: number }
  | { readonly type: 'end'; readonly remarks: PackRemarks }
  | { readonly type: 'failed'; readonly fault: FaultNotice }
