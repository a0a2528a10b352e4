// One write on its way: the job with everything that its steps need, its answer, and the condition that must hold for
// it (RFC 9110 13.1; protocol.md#files-raw). The steps are in new-content.ts and in-place.ts; file-writer.ts chooses.

import type { Stats } from 'node:fs'
import { errnoOf, Fault, quote } from '../../../base/fault.ts'
import { stat } from '../../../base/path-calls.ts'
import { matchesStrongly, matchesWeakly, readTags, tagOf, type Digest } from '../identity.ts'
import { remoteCall } from '../mounts/remote-calls.ts'
import type { HeldEntry } from '../opening/held-directory.ts'
import type { WriterParts } from './new-content.ts'

/** Permissions of a new file (protocol.md#files-write). */
export const FILE_MODE = 0o644

export interface Written {
  /** The file's size afterwards, in bytes. */
  readonly size: number
  /** False if the target had to be written in place, or was appended to. */
  readonly atomic: boolean
  /** True if there was no such file before. */
  readonly created: boolean
  /** The file's entity tag afterwards. */
  readonly etag: string
  readonly hash?: string
}

/** One write: its request and its means. */
export interface WriteJob extends WriterParts {
  /** The path as the client named it, for sentences. */
  readonly path: string
  readonly target: HeldEntry
  /** Facts of what stood there when the write began; undefined: nothing did. */
  readonly existing: Stats | undefined
  readonly mode: number | undefined
  readonly digest: Digest | undefined
  readonly signal: AbortSignal
}

/**
 * Rejects with `precondition_failed` if the file at `path` (links are followed) is not as wanted. It is asked early, so
 * that nothing is received in vain, and again in the file's turn. `way` reaches the file if that is not `path`, which
 * the sentence names.
 */
export type Precondition = (path: string, signal: AbortSignal, way?: string) => Promise<void>

/** Stands for the hash of a file that does not exist. */
export const NO_FILE = 'none'

/** Returns the condition of the headers If-Match and If-None-Match; undefined: neither came. */
export function tagCondition(ifMatch: string | undefined, ifNoneMatch: string | undefined): Precondition | undefined {
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  const wanted = ifMatch === undefined ? undefined : readTags(ifMatch, 'if_match')
  const unwanted = ifNoneMatch === undefined ? undefined : readTags(ifNoneMatch, 'if_none_match')
  return async (path, _signal, way) => {
    const etag = await currentTag(way ?? path)
    if (wanted !== undefined && !matchesStrongly(wanted, etag)) throw tagFault(path, 'If-Match', etag)
    if (unwanted !== undefined && matchesWeakly(unwanted, etag)) throw tagFault(path, 'If-None-Match', etag)
  }
}

/** Returns the condition that the content has this SHA-256, in hexadecimal; `none`: that there is no file. */
export function hashCondition(expected: string, digest: Digest): Precondition {
  const wanted = expected.toLowerCase()
  return async (path, signal, way = path) => {
    const current = (await currentTag(way)) === undefined ? NO_FILE : await digest(way, signal)
    if (current === wanted) return
    const found = current === NO_FILE ? 'there is no such file' : `the SHA-256 of the file is ${current}`
    throw new Fault(
      'precondition_failed',
      `path ${quote(path)} is not as expected_hash says: ${found}; nothing was changed`,
      { details: { path, expected_hash: wanted, current_hash: current } },
    )
  }
}

export function tagFault(path: string, header: string, etag: string | undefined): Fault {
  const found = etag === undefined ? 'there is no such file' : `its entity tag is ${etag}`
  return new Fault('precondition_failed', `path ${quote(path)} is not as ${header} says: ${found}`, {
    details: { path, etag: etag ?? null },
    ...(etag === undefined ? {} : { headers: { etag } }),
  })
}

async function currentTag(path: string): Promise<string | undefined> {
  try {
    return tagOf(await remoteCall(path, () => stat(path, { bigint: true })))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
