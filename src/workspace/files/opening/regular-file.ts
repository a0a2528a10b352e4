// Opens a file for its content, and only a regular one (protocol.md#errors, F-01 and F-02): `openRegular(path, flags)`.
// `stat` comes first, so that FIFOs, devices and sockets are not even opened. The open itself does not block, should
// one have taken the file's place in between. `fstat` then decides on what was really opened.

import { constants, type Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { errnoOf, Fault, faultOfSystem, quote } from '../../../base/fault.ts'
import { pathOfOpened } from '../../../base/opened-path.ts'
import { open, realpath, stat, statfs } from '../../../base/path-calls.ts'
import { remoteHandle, remoteCall } from '../mounts/remote-calls.ts'
import { EVERYTHING, type Access } from './access.ts'
import { lookAt, type HeldEntry } from './held-directory.ts'
import { faultOfPath } from './missing-path.ts'

export interface RegularFile {
  readonly handle: FileHandle
  readonly stats: Stats
}

/**
 * Files that are regular by type, yet streams of the kernel: reading /proc/kmsg takes its lines away from the logger.
 */
const KERNEL_STREAMS = new Set(['/proc/kmsg', '/proc/kcore'])

const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK } = constants

/**
 * Opens a regular file; the caller closes the handle. `flags` are those of open(2), access mode included. Throws
 * `not_regular`, `bad_request` for a directory, or the fault of the path.
 */
export async function openRegular(path: string, flags: number, access: Access = EVERYTHING): Promise<RegularFile> {
  if (!access.everything) return await openJudged(path, flags, access)
  return heeded(await remoteCall(path, () => opened(path, flags), closeLate), path)
}

function heeded({ handle, stats }: RegularFile, path: string): RegularFile {
  return { handle: remoteHandle(handle, path), stats }
}

const closeLate = ({ handle }: RegularFile): void => void handle.close().catch(() => undefined)

/** Opens through what the judge has seen; nothing is said of the file before. */
async function openJudged(path: string, flags: number, access: Access): Promise<RegularFile> {
  let handle: FileHandle | undefined
  try {
    await using seen = await access.open(path)
    const at = pathOfOpened(seen.fd)
    await refuseSpecial(path, await seen.stat(), at)
    const late = (one: FileHandle): void => void one.close().catch(() => undefined)
    handle = remoteHandle(await remoteCall(path, () => open(at, flags | O_NONBLOCK | O_NOCTTY), late), path)
    return { handle, stats: await handle.stat() }
  } catch (error) {
    await handle?.close()
    throw await faultOfPath(error, path)
  }
}

async function opened(path: string, flags: number): Promise<RegularFile> {
  try {
    await refuseSpecial(path, await stat(path))
  } catch (error) {
    throw await faultOfPath(error, path)
  }
  return await openedThere(path, path, flags)
}

/**
 * Opens a regular file that stands in a held directory. A link is refused. `path` is the path as the caller named it.
 */
export async function openStanding(entry: HeldEntry, path: string, flags: number): Promise<RegularFile> {
  // Before the call, not in it: a look that waits for its turn behind such calls would never get one.
  const standing = await lookAt(entry)
  const opening = async (): Promise<RegularFile> => {
    if (standing !== undefined && !standing.isSymbolicLink()) await refuseSpecial(path, standing)
    return await openedThere(entry.way, path, flags | O_NOFOLLOW)
  }
  return heeded(await entry.directory.call(entry.real, opening, closeLate), entry.real)
}

async function openedThere(way: string, path: string, flags: number): Promise<RegularFile> {
  let handle: FileHandle | undefined
  try {
    handle = await open(way, flags | O_NONBLOCK | O_NOCTTY)
    const stats = await handle.stat()
    refuseType(path, stats)
    return { handle, stats }
  } catch (error) {
    await handle?.close()
    // ENXIO: a socket, or a FIFO without a reader, has taken the place of the file.
    throw errnoOf(error) === 'ENXIO' ? notRegular(path, 'a socket or FIFO') : await faultOfPath(error, path)
  }
}

/**
 * Throws unless `stats`, taken of `path` (`at` leads to it too), are those of a regular file that holds its content
 * itself.
 */
export async function refuseSpecial(path: string, stats: Stats, at = path): Promise<void> {
  refuseType(path, stats)
  // Only pseudo files, and a few real ones, have no blocks: no other file pays for the look.
  if (stats.blocks === 0 && KERNEL_STREAMS.has(await realpath(at))) throw notRegular(path, 'a stream of the kernel')
}

/**
 * True for files that the kernel makes up while they are read (their size says nothing), and for a file that is one
 * hole.
 */
export function isPseudo(stats: Stats): boolean {
  return stats.blocks === 0
}

/**
 * Returns the kind of a special file, as sentences and the field `special` name it; undefined for files, directories
 * and links.
 */
export function specialType(stats: Stats): 'fifo' | 'socket' | 'character_device' | 'block_device' | undefined {
  if (stats.isFIFO()) return 'fifo'
  if (stats.isSocket()) return 'socket'
  if (stats.isCharacterDevice()) return 'character_device'
  if (stats.isBlockDevice()) return 'block_device'
  return undefined
}

/** File systems whose files the kernel makes up while they are read (statfs(2), linux/magic.h). */
const KERNEL_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x62656570, // configfs
  0xde5e81e4, // efivarfs
  0xcafe4a11, // bpf
  0x6165676c, // pstore
  0xf97cff8c, // selinuxfs
  0x42494e4d, // binfmt_misc
  0x19800202, // mqueue
  0x65735546, // fuse: lxcfs puts such files over /proc
])

/** Like `isPseudo`, but exact: a file that is one hole, or empty, has no blocks either. */
export async function isMadeUp(path: string, stats: Stats): Promise<boolean> {
  return isPseudo(stats) && KERNEL_FILE_SYSTEMS.has((await statfs(path)).type)
}

export function notRegular(path: string, kind: string): Fault {
  return new Fault('not_regular', `path ${quote(path)} is ${kind}; accepted is a regular file`, {
    details: { field: 'path', got: path },
  })
}

/**
 * Returns the fault of a failed read. EAGAIN is a stream of the kernel with nothing to say, EIO the memory of a
 * process; neither is content.
 */
export function faultOfRead(error: unknown, path: string): unknown {
  const errno = errnoOf(error)
  return errno === 'EAGAIN' || errno === 'EIO'
    ? notRegular(path, `without content that can be read (${errno})`)
    : faultOfSystem(error, path)
}

function refuseType(path: string, stats: Stats): void {
  if (stats.isFile()) return
  if (stats.isDirectory()) {
    throw new Fault(
      'bad_request',
      `path ${quote(path)} is a directory; accepted is a file (file_list lists directories)`,
      {
        details: { field: 'path', got: path },
      },
    )
  }
  throw notRegular(path, `a ${specialType(stats)?.replace('_', ' ') ?? 'special file'}`)
}
