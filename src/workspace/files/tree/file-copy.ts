// Copies one regular file: its bytes by the file system's own cloning, else piece by piece without its holes, then its
// permissions and times. The copy is private until it is complete. It belongs to the daemon's user and has no set-id
// bits, unless it is part of a move: then owner, attributes and all bits go along.

import { constants, type BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { pathOfOpened } from '../../../base/opened-path.ts'
import { copyFile, open } from '../../../base/path-calls.ts'
import { errnoOf } from '../../../base/fault.ts'
import { nextData, copyAttributes, setFileTimes, setFileTimesElsewhere } from '../../../native/files.ts'
import { onlyLocal } from '../mounts/remote-mounts.ts'

export interface CopyManner {
  /** True for a move: owner, attributes and set-id bits go along. */
  readonly whole: boolean
  /** True: each file is synced before it is closed. */
  readonly sync: boolean
  readonly signal: AbortSignal
  /** The new name as the client gave it, for sentences: the copy has another while it is made. */
  readonly to: string
  /** Becomes true once the file systems at hand turn out not to clone. */
  noClones: boolean
}

/** Bytes read and written at once; between two slices the signal is looked at. */
const SLICE_BYTES = 256 * 1024

/** Bytes from which a file is cloned: smaller files are as quick to copy. */
const CLONED_BYTES = 64 * 1024

/** The unit in which stat(2) counts `blocks`. */
const BLOCK_BYTES = 512

const SET_ID_BITS = 0o6000

const { COPYFILE_FICLONE_FORCE, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants

/**
 * Copies what `source` has open to the new file `to`; resolves with the bytes that it has. Throws the system's error.
 */
export async function copyOpenFile(
  source: FileHandle,
  stats: BigIntStats,
  to: Buffer | string,
  manner: CopyManner,
): Promise<number> {
  const target = await open(to, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    const size = (await cloned(source, stats, target, manner)) ?? (await copySlices(source, stats, target, manner))
    await dress(source, stats, target, manner.whole)
    if (manner.sync) await target.sync()
    return size
  } finally {
    await target.close()
  }
}

/**
 * Gives a file or directory owner, attributes, permissions and times of another, in the order in which none undoes
 * another.
 */
export async function dress(source: FileHandle, stats: BigIntStats, target: FileHandle, whole: boolean): Promise<void> {
  const mode = Number(stats.mode)
  if (whole) {
    const owned = await giveAway(target, stats)
    copyAttributes(pathOfOpened(source.fd), target.fd)
    await target.chmod(owned ? mode & 0o7777 : mode & 0o1777)
  } else {
    // A directory keeps the set-group-id bit that it inherits from the one it is made in (F-12).
    const inherited = stats.isDirectory() ? (await target.stat()).mode & 0o2000 : 0
    await target.chmod((mode & 0o1777) | inherited)
  }
  await keepTimes(target, stats)
}

/** Sets the times, to the nanosecond if the kernel can. */
async function keepTimes(target: FileHandle, stats: BigIntStats): Promise<void> {
  if (onlyLocal()) return setFileTimes(target.fd, stats)
  if (await setFileTimesElsewhere(target.fd, stats)) return
  await target.utimes(Number(stats.atimeNs) / 1e9, Number(stats.mtimeNs) / 1e9) // its error says what is wrong
}

/** Resolves with false if only root may change the owner: then the copy stays the daemon's. */
async function giveAway(target: FileHandle, stats: BigIntStats): Promise<boolean> {
  const [uid, gid] = [Number(stats.uid), Number(stats.gid)]
  const own = await target.stat()
  if (own.uid === uid && own.gid === gid) return true
  try {
    await target.chown(uid, gid)
    return true
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error
    return false
  }
}

/** Resolves with undefined if cloning is not possible; the target is empty then. */
async function cloned(
  source: FileHandle,
  stats: BigIntStats,
  target: FileHandle,
  manner: CopyManner,
): Promise<number | undefined> {
  // Node gives the clone the mode of the source at once: set-id bits must not meet the daemon's owner.
  if (manner.noClones || stats.size < CLONED_BYTES || (Number(stats.mode) & SET_ID_BITS) !== 0) return undefined
  try {
    await copyFile(pathOfOpened(source.fd), pathOfOpened(target.fd), COPYFILE_FICLONE_FORCE)
    return (await target.stat()).size
  } catch {
    manner.noClones = true
    await target.chmod(0o600)
    await target.truncate(0)
    return undefined
  }
}

async function copySlices(
  source: FileHandle,
  stats: BigIntStats,
  target: FileHandle,
  { signal }: CopyManner,
): Promise<number> {
  const [size, blocks] = [Number(stats.size), Number(stats.blocks)]
  // Files that the kernel makes up have neither size nor blocks: their end is where nothing more comes.
  const end = size === 0 ? Number.MAX_SAFE_INTEGER : size
  const sparse = blocks * BLOCK_BYTES < size
  const slice = Buffer.allocUnsafe(Math.min(SLICE_BYTES, Math.max(size, 4096)))
  let at = 0
  while (at < end) {
    signal.throwIfAborted()
    if (sparse) at = Math.min(nextData(source.fd, at) ?? end, end)
    const { bytesRead } = await source.read(slice, 0, Math.min(slice.byteLength, end - at), at)
    if (bytesRead === 0) break
    await writeAt(target, slice.subarray(0, bytesRead), at)
    at += bytesRead
  }
  if (sparse) await target.truncate(at)
  return at
}

async function writeAt(target: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    done += (await target.write(bytes, done, bytes.byteLength - done, at + done)).bytesWritten
  }
}
