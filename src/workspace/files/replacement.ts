// Replacing a file by a new one in one step (reliability F-06, F-07, F-10, F-12, section 6 item 7): a
// temporary file of random name beside the target, made exclusively and private until it is complete, given
// the owner, attributes (ACLs are some) and permissions of the old one, synced, renamed over it, and the
// directory synced.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { errnoOf } from '../../fault.ts'
import { copyAttributes } from '../../native/xattr.ts'
import { hashHere } from './content-hash.ts'
import { FILE_MODE, syncDirectory, type WriteJob, type Written } from './write-job.ts'

/** One write(2) takes at most this much: the signal is looked at in between. */
export const SLICE_BYTES = 1024 * 1024

/** Bytes of the target's name that its temporary file repeats, for those who find one; NAME_MAX is 255. */
const NAME_BYTES = 64

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants

/** Throws the system's error, with the temporary file gone and the target as it was. */
export async function replaceFile(job: WriteJob): Promise<Written> {
  const { path, handle } = await openTemporary(job)
  try {
    await fill(handle, job)
    const hash = job.digest && (hashHere(job.bytes) ?? (await job.digest(path, job.signal)))
    job.signal.throwIfAborted()
    await rename(path, job.target)
    job.journal.end(path)
    if (job.durable) await syncDirectory(dirname(job.target))
    return { size: job.bytes.byteLength, atomic: true, ...(hash === undefined ? {} : { hash }) }
  } catch (error) {
    if (await isGone(path)) job.journal.end(path)
    throw error
  }
}

async function openTemporary(job: WriteJob): Promise<{ path: string; handle: FileHandle }> {
  const path = temporaryBeside(job.target)
  await job.journal.begin(path)
  try {
    return { path, handle: await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600) }
  } catch (error) {
    job.journal.end(path)
    throw error
  }
}

/** Makes the temporary file what the target is to be, and closes it. */
async function fill(handle: FileHandle, job: WriteJob): Promise<void> {
  try {
    await writeAll(handle, job.bytes, { at: 0, signal: job.signal })
    await takeOver(handle, job)
    if (job.durable) await handle.sync()
  } finally {
    await handle.close()
  }
}

/** `.<name>.<random>~`: hidden, and ending as contract 17 has it. */
export function temporaryBeside(target: string): string {
  const name = Buffer.from(basename(target))
  let end = Math.min(name.byteLength, NAME_BYTES)
  while (end < name.byteLength && ((name[end] ?? 0) & 0xc0) === 0x80) end-- // not in the middle of a character
  const directory = dirname(target)
  return `${directory === '/' ? '' : directory}/.${name.toString('utf8', 0, end)}.${randomBytes(8).toString('hex')}~`
}

/** Writes all of `bytes`, however short single writes are. `at`: position, or null to append. */
export async function writeAll(
  handle: FileHandle,
  bytes: Uint8Array,
  { at, signal }: { at: number | null; signal?: AbortSignal },
): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    signal?.throwIfAborted()
    const length = Math.min(SLICE_BYTES, bytes.byteLength - done)
    done += (await handle.write(bytes, done, length, at === null ? null : at + done)).bytesWritten
  }
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

/** False only where the file could not be removed: then it stays in the journal for the next start. */
async function isGone(temporary: string): Promise<boolean> {
  try {
    await unlink(temporary)
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR'
  }
}
