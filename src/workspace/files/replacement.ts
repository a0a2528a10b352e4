// Replacing a file by a new one in one step (reliability F-06, F-07, F-10, F-12, section 6 item 7): a
// temporary file beside the target, private until it is complete, given the owner, attributes (ACLs are some)
// and permissions of the old one, synced; when its turn has come it is renamed over the target.

import type { BigIntStats } from 'node:fs'
import { stat, type FileHandle } from 'node:fs/promises'
import { copyAttributes } from '../../native/xattr.ts'
import { hashHere } from './content-hash.ts'
import { tagOf } from './entity-tag.ts'
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
}

/** Receives the content into `file` and makes it what the target is to be. */
export async function prepare(file: TemporaryFile, sent: SentContent, job: WriteJob): Promise<Replacement> {
  const { handle, path } = file
  const size = await receive(sent, handle, job.signal)
  try {
    await takeOver(handle, job)
  } catch (error) {
    if (!mayOverwrite(error, job.existing)) throw error
    return { file, size, hash: undefined, fit: false }
  }
  if (job.durable) await handle.sync()
  const here = sent instanceof Uint8Array ? hashHere(sent) : undefined
  const hash = job.digest && (here ?? (await job.digest(path, job.signal)))
  return { file, size, hash, fit: true }
}

/** The step itself. Throws the system's error with the target as it was. */
export async function replace({ file, size, hash }: Replacement, job: WriteJob, created: boolean): Promise<Written> {
  const own = await file.handle.stat({ bigint: true })
  await file.become(job.target)
  const etag = tagOf(await afterwards(job.target, own))
  return { size, atomic: true, created, etag, ...(hash === undefined ? {} : { hash }) }
}

/**
 * What our file is under its new name. Where somebody outside was quicker with another file: what it was before,
 * whose tag stands for nothing any more, since its change time was another.
 */
async function afterwards(path: string, own: BigIntStats): Promise<BigIntStats> {
  const now = await stat(path, { bigint: true }).catch(() => own)
  return now.ino === own.ino && now.dev === own.dev ? now : own
}

/** Owner before mode, since a change of owner clears bits; ACLs before mode, which has the last word on both (F-10). */
async function takeOver(handle: FileHandle, { existing: old, mode, target }: WriteJob): Promise<void> {
  if (old !== undefined) {
    const own = await handle.stat()
    if (own.uid !== old.uid || own.gid !== old.gid) await handle.chown(old.uid, old.gid)
    copyAttributes(target, handle.fd)
  }
  await handle.chmod(mode ?? (old === undefined ? FILE_MODE : old.mode & 0o1777))
}
