// Writes into the file that is there: appending, and files that must stay the same inode because of a second hard link,
// a mount or a directory that takes no new names (F-09, F-11). What would be lost if a write failed half-way is kept
// aside first and put back. The file never gets shorter before its new content stands.

import { constants, type BigIntStats, type Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { errnoOf } from '../../../base/fault.ts'
import { open, unlink } from '../../../base/path-calls.ts'
import { setFileTimes, setFileTimesElsewhere } from '../../../native/files.ts'
import { tagOf } from '../identity.ts'
import { onlyLocal } from '../mounts/remote-mounts.ts'
import { openStanding, type RegularFile } from '../opening/regular-file.ts'
import { copyBytes, sizeOf, writePart, type NewContent, openAside } from './new-content.ts'
import { FILE_MODE, type WriteJob, type Written } from './write-job.ts'

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_WRONLY } = constants

/** Nanoseconds by which a time is put off: some file systems keep microseconds. */
const TICK_NS = 1000n

/** Errors of a replacement that the file's directory or the file refuses; writing in place may work. */
const IN_PLACE = new Set(['EBUSY', 'EXDEV', 'EPERM', 'EACCES', 'EROFS', 'ENOENT', 'ENAMETOOLONG', 'ENOTSUP'])

/** True if replacing failed in a way that leaves writing in place, for the file that stands there. */
export function mayOverwrite(error: unknown, standing: Stats | undefined): boolean {
  return standing !== undefined && IN_PLACE.has(errnoOf(error) ?? '')
}

/**
 * Replaces the content of an existing file without replacing the file. Throws the system's error, with the old content
 * put back.
 */
export async function overwriteFile(content: NewContent, job: WriteJob): Promise<Written> {
  const { signal } = job
  const { handle, stats } = await openStanding(job.target, job.path, O_RDWR)
  try {
    const before = await handle.stat({ bigint: true })
    const size = sizeOf(content)
    const kept = Math.min(stats.size, size)
    await using aside = await keepAside(job, handle, kept)
    try {
      // The part that needs new space comes first: if there is none, nothing old has been touched.
      await writePart(content, handle, { from: kept, to: size, at: kept === 0 ? null : kept, signal })
      await writePart(content, handle, { from: 0, to: kept, at: 0 })
      if (stats.size > size) await handle.truncate(size)
    } catch (error) {
      await aside.putBack()
      if (stats.size < size) await handle.truncate(stats.size)
      throw error
    }
    return await finish(handle, job, before)
  } finally {
    await handle.close()
  }
}

/** Adds to the end of the file, which is made if it is missing. */
export async function appendFile(content: NewContent, job: WriteJob): Promise<Written> {
  const { handle, stats, isNew } = await openToAppend(job)
  try {
    const before = await handle.stat({ bigint: true })
    const size = sizeOf(content)
    try {
      await writePart(content, handle, { from: 0, to: size, at: null, signal: job.signal })
      return await finish(handle, job, isNew ? undefined : before)
    } catch (error) {
      await takeBack(handle, stats.size, size)
      if (isNew) await unlink(job.target.way)
      throw error
    }
  } finally {
    await handle.close()
  }
}

async function openToAppend(job: WriteJob): Promise<RegularFile & { isNew: boolean }> {
  try {
    const handle = await open(job.target.way, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    return { handle, stats: await handle.stat(), isNew: true }
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    return { ...(await openStanding(job.target, job.path, O_WRONLY | O_APPEND)), isNew: false }
  }
}

/** Cuts off what a failed append left, unless another process has appended in the meantime. */
async function takeBack(handle: FileHandle, before: number, added: number): Promise<void> {
  const now = (await handle.stat()).size
  if (now > before && now <= before + added) await handle.truncate(before)
}

/** Sets mode and tag, syncs, hashes. `before`: the facts of the file before; undefined: there was none. */
async function finish(handle: FileHandle, job: WriteJob, before: BigIntStats | undefined): Promise<Written> {
  const mode = job.mode ?? (before === undefined ? FILE_MODE : undefined)
  if (mode !== undefined) await handle.chmod(mode)
  const etag = await newTag(handle, before)
  if (job.durable) await sync(handle)
  const hash = await job.digest?.(job.target.way, job.signal)
  const { size } = await handle.stat()
  const created = before === undefined
  return { size, atomic: false, created, etag, ...(hash === undefined ? {} : { hash }) }
}

/**
 * Resolves with a tag that differs from the one before: a write within the same tick of the kernel's clock may not
 * change the times.
 */
async function newTag(handle: FileHandle, before: BigIntStats | undefined): Promise<string> {
  const now = await handle.stat({ bigint: true })
  if (before === undefined || tagOf(now) !== tagOf(before)) return tagOf(now)
  await setLater(handle, now).catch(() => undefined) // files of the kernel do not let their times be set
  return tagOf(await handle.stat({ bigint: true }))
}

async function setLater(handle: FileHandle, { mtimeNs }: BigIntStats): Promise<void> {
  const later = { mtimeNs: mtimeNs + TICK_NS }
  if (onlyLocal()) setFileTimes(handle.fd, later)
  else await setFileTimesElsewhere(handle.fd, later)
}

async function sync(handle: FileHandle): Promise<void> {
  try {
    await handle.sync()
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error // files of /proc and /sys cannot be synced, and need not be
  }
}

interface Aside extends AsyncDisposable {
  putBack(): Promise<void>
}

/** Copies the first `length` bytes to a journalled file in the state directory; disposing removes that. */
async function keepAside(job: WriteJob, from: FileHandle, length: number): Promise<Aside> {
  const all = { from: 0, to: length, at: 0 }
  if (length === 0) return { putBack: async () => {}, [Symbol.asyncDispose]: async () => {} }
  await using stack = new AsyncDisposableStack()
  const copy = stack.use(await openAside(job.stateDirectory, job.journal))
  await copyBytes(from, copy.handle, all)
  const kept = stack.move()
  return { putBack: () => copyBytes(copy.handle, from, all), [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
