// Writing into the file that is there: appending, and files that must stay the same inode because of a
// second hard link, a mount or a directory that takes no new names (reliability F-09, F-11). What would be
// lost if a write failed half-way is kept aside first and put back; the file never gets shorter before its
// new content stands.

import { constants } from 'node:fs'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '../../fault.ts'
import { FILE_MODE, syncDirectory, type WriteJob, type Written } from './write-job.ts'
import { openRegular, type RegularFile } from './regular-file.ts'
import { SLICE_BYTES, temporaryBeside, writeAll } from './replacement.ts'

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_WRONLY } = constants

/** Replaces the content of an existing file without replacing the file. */
export async function overwriteFile(job: WriteJob): Promise<Written> {
  const { handle, stats } = await openRegular(job.target, O_RDWR)
  try {
    const kept = Math.min(stats.size, job.bytes.byteLength)
    await using aside = await keepAside(job, handle, kept)
    try {
      // What needs new space comes first: where there is none, nothing old has been touched.
      // Files of the kernel take no position: an empty one is written from where it was opened.
      await writeAll(handle, job.bytes.subarray(kept), { at: kept === 0 ? null : kept, signal: job.signal })
      await writeAll(handle, job.bytes.subarray(0, kept), { at: 0 })
      if (stats.size > job.bytes.byteLength) await handle.truncate(job.bytes.byteLength)
    } catch (error) {
      await aside.putBack()
      if (stats.size < job.bytes.byteLength) await handle.truncate(stats.size)
      throw error
    }
    return await finish(handle, job, false)
  } finally {
    await handle.close()
  }
}

/** Adds to the end; makes the file where there is none. */
export async function appendFile(job: WriteJob): Promise<Written> {
  const { handle, stats, isNew } = await openToAppend(job)
  try {
    try {
      await writeAll(handle, job.bytes, { at: null, signal: job.signal })
    } catch (error) {
      await takeBack(handle, stats.size, job)
      if (isNew) await unlink(job.target)
      throw error
    }
    const written = await finish(handle, job, isNew)
    if (isNew && job.durable) await syncDirectory(dirname(job.target))
    return written
  } finally {
    await handle.close()
  }
}

async function openToAppend(job: WriteJob): Promise<RegularFile & { isNew: boolean }> {
  try {
    const handle = await open(job.target, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    return { handle, stats: await handle.stat(), isNew: true }
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    return { ...(await openRegular(job.target, O_WRONLY | O_APPEND)), isNew: false }
  }
}

/** Cuts off what a failed append left, unless somebody else has appended in the meantime. */
async function takeBack(handle: FileHandle, before: number, job: WriteJob): Promise<void> {
  const now = (await handle.stat()).size
  if (now > before && now < before + job.bytes.byteLength) await handle.truncate(before)
}

async function finish(handle: FileHandle, job: WriteJob, isNew: boolean): Promise<Written> {
  const mode = job.mode ?? (isNew ? FILE_MODE : undefined)
  if (mode !== undefined) await handle.chmod(mode)
  if (job.durable) await sync(handle)
  const hash = await job.digest?.(job.target, job.signal)
  const { size } = await handle.stat()
  return { size, atomic: false, ...(hash === undefined ? {} : { hash }) }
}

async function sync(handle: FileHandle): Promise<void> {
  try {
    await handle.sync()
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error // files of /proc and /sys cannot be synced, nor need it
  }
}

interface Aside extends AsyncDisposable {
  putBack(): Promise<void>
}

/** Copies the first `length` bytes to a journalled file in the state directory until it is disposed of. */
async function keepAside(job: WriteJob, from: FileHandle, length: number): Promise<Aside> {
  if (length === 0) return { putBack: async () => {}, [Symbol.asyncDispose]: async () => {} }
  const path = temporaryBeside(join(job.stateDirectory, 'aside'))
  await job.journal.begin(path)
  const copy = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600).catch((error: unknown) => {
    job.journal.end(path)
    throw error
  })
  const remove = async (): Promise<void> => {
    await copy.close()
    await unlink(path)
    job.journal.end(path)
  }
  try {
    await copyBytes(from, copy, length)
  } catch (error) {
    await remove()
    throw error
  }
  return { putBack: () => copyBytes(copy, from, length), [Symbol.asyncDispose]: remove }
}

async function copyBytes(from: FileHandle, to: FileHandle, length: number): Promise<void> {
  const slice = Buffer.allocUnsafe(Math.min(length, SLICE_BYTES))
  for (let at = 0; at < length;) {
    const { bytesRead } = await from.read(slice, 0, Math.min(slice.byteLength, length - at), at)
    if (bytesRead === 0) return // it got shorter in other hands
    await writeAll(to, slice.subarray(0, bytesRead), { at })
    at += bytesRead
  }
}
