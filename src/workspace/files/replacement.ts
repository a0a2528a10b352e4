// Replacing a file by a new one in one step (F-06, F-07, F-10, F-12): a
// temporary file beside the target, private until it is complete, given the owner, attributes (ACLs are some)
// and permissions of the old one, synced; when its turn has come it is renamed over the target. What the old one is
// comes from one opened file, and is taken anew where another stands there by then: nobody becomes the owner of a
// file that takes the place of somebody else's.

import type { BigIntStats, Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { copyAttributes } from '../../native/files.ts'
import { errnoOf, Fault, quote } from '../../base/fault.ts'
import { hashHere } from './content-hash.ts'
import { tagOf } from './entity-tag.ts'
import { lookExactlyAt, pin } from './held-directory.ts'
import { mayOverwrite } from './in-place.ts'
import { receive, type SentContent } from './new-content.ts'
import type { TemporaryFile } from './temporary-file.ts'
import { FILE_MODE, type WriteJob, type Written } from './write-job.ts'

/** A file that may take the target's place. */
export interface Replacement {
  readonly file: TemporaryFile
  readonly size: number
  readonly hash: string | undefined
  /** False: it cannot be all that the target is, and only its content is of use. */
  readonly fit: boolean
  /** Whose owner, attributes and permissions it has. */
  readonly like: Identity | undefined
}

interface Identity {
  readonly dev: number
  readonly ino: number
}

/** Receives the content into `file` and makes it what the target is to be. */
export async function prepare(file: TemporaryFile, sent: SentContent, job: WriteJob): Promise<Replacement> {
  const { handle, path } = file
  const size = await receive(sent, handle, job.signal)
  let like: Identity | undefined
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

/** The step itself. Throws the system's error with the target as it was. `now`: what stands there. */
export async function replace(made: Replacement, job: WriteJob, now: Stats | undefined): Promise<Written> {
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

function isSame(one: Identity, other: Identity | undefined): boolean {
  return other !== undefined && one.ino === other.ino && one.dev === other.dev
}

function exchanged(path: string): Fault {
  return new Fault('conflict', `path ${quote(path)} was exchanged for another file while it was written`, {
    details: { field: 'path', got: path },
  })
}

/**
 * What our file is under its new name. Where somebody outside was quicker with another file: what it was before,
 * whose tag stands for nothing any more, since its change time was another.
 */
async function afterwards({ target }: WriteJob, own: BigIntStats): Promise<BigIntStats> {
  const now = await lookExactlyAt(target).catch(() => undefined)
  return now !== undefined && now.ino === own.ino && now.dev === own.dev ? now : own
}

/**
 * Owner before mode, since a change of owner clears bits; ACLs before mode, which has the last word on both (F-10).
 * Returns the file that they are of.
 */
async function takeOver(handle: FileHandle, job: WriteJob, replacing: boolean): Promise<Identity | undefined> {
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
