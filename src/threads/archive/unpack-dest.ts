// Opens the destination of an upload, once: `openDest(dest, judge)`. It is made if it is missing, with its parents,
// each in the open directory above it. From then on it is that directory, even if its path leads elsewhere later
// (F-15); a link in the path is followed here alone. Only a directory that was made here gets permissions.

import { chmodSync, closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errnoOf, Fault, faultOfSystem, quote } from '../../base/fault.ts'
import { canReachOpened, O_PATH, pathOfOpened } from '../../base/opened-path.ts'
import { isJustMade, type Making } from '../../base/just-made.ts'
import { flushFileSystem } from '../../native/files.ts'

const STEP = O_PATH | constants.O_DIRECTORY

/** Permissions of directories that are made here, independent of the umask (protocol.md#archives). */
const MODE = 0o755

/** Attempts after which the upload gives in to processes that remove the parents all the time. */
const MOST_BEGINNINGS = 1000

/** Errors of a file, a link that leads nowhere, or something that took the place of a new directory. */
const NO_DIRECTORY = new Set(['EEXIST', 'ENOTDIR', 'ELOOP', 'ENOENT'])

/** Throws for a directory that is withheld: the deepest that exists is judged, before anything is made in it. */
type JudgeDest = (fd: number, missing: readonly string[]) => void

/** Returns the descriptor, which the caller closes. Throws `conflict`, `not_supported`, or the fault of the path. */
export function openDest(dest: string, judge: JudgeDest): number {
  if (!canReachOpened()) {
    throw new Fault('not_supported', 'archives are unpacked through /proc/self/fd, and /proc is not mounted here')
  }
  try {
    for (let beginning = 0; beginning < MOST_BEGINNINGS; beginning++) {
      const fd = makeDest(dest, judge)
      if (fd !== undefined) return fd
    }
  } catch (error) {
    if (!NO_DIRECTORY.has(errnoOf(error) ?? '')) throw faultOfSystem(error, dest)
    throw new Fault(
      'conflict',
      `dest ${quote(dest)} is not a directory, or lies below a file; format=raw writes the body to a file as it is`,
      { details: { field: 'dest', got: dest } },
    )
  }
  throw new Fault('conflict', `dest ${quote(dest)} cannot be made: its parents are being removed`, {
    details: { field: 'dest', got: dest },
  })
}

/** Returns undefined if another process removed a directory on the way: the caller begins anew. */
function makeDest(dest: string, judge: JudgeDest): number | undefined {
  const missing: string[] = []
  let fd = openExisting(dest, missing)
  for (const name of missing) {
    const above = fd
    try {
      judge(above, missing)
      const next = makeOne(`${pathOfOpened(above)}/${name}`)
      if (next === undefined) return undefined
      fd = next
    } finally {
      closeSync(above)
    }
  }
  try {
    judge(fd, [])
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Opens the deepest directory on the way that exists; the names below it go to `missing`. */
function openExisting(dest: string, missing: string[]): number {
  for (let at = dest; ; at = dirname(at)) {
    try {
      return openSync(at, STEP)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || at === '/') throw error
      missing.unshift(basename(at))
    }
  }
}

function makeOne(path: string): number | undefined {
  const making: Making = { mode: MODE, began: Date.now() }
  try {
    mkdirSync(path, MODE)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (errnoOf(error) !== 'EEXIST') throw error
    return openMade(path, 0) // another process was quicker, or it is a link
  }
  const fd = openMade(path, constants.O_NOFOLLOW)
  if (fd !== undefined) settleMade(fd, making)
  return fd
}

function openMade(path: string, more: number): number | undefined {
  try {
    return openSync(path, STEP | more)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && more !== 0) return undefined
    throw error
  }
}

/** Gives a directory that was just made the permissions that it was to have; any other is left as it is. */
export function settleMade(fd: number, making: Making): void {
  const path = pathOfOpened(fd)
  const stats = fstatSync(fd)
  const now = stats.mode & 0o7777
  const wanted = making.mode | (now & 0o2000) // the set-group-id bit that it inherits stays (F-12)
  if (now === wanted) return
  const ours = isJustMade(stats, making)
  if (ours === 'yes' || (ours === 'empty' && readdirSync(path).length === 0)) chmodSync(path, wanted)
}

/** Opens the same directory once more, for a second way through it. */
export function openAgain(fd: number): number {
  return openSync(pathOfOpened(fd), O_PATH | constants.O_DIRECTORY)
}

/** The file systems that were written to, each flushed once at the end. */
export class WrittenFileSystems implements Disposable {
  readonly #open = new Map<number, number>()

  /** `fd`: a directory of the file system. */
  add(device: number, fd: number): void {
    if (this.#open.has(device)) return
    try {
      this.#open.set(device, openSync(pathOfOpened(fd), constants.O_RDONLY | constants.O_DIRECTORY))
    } catch (error) {
      // A user who may write here but not read: the system flushes the file system in its own time.
      if (errnoOf(error) !== 'EACCES') throw error
    }
  }

  async flush(): Promise<void> {
    for (const fd of this.#open.values()) await flushFileSystem(fd)
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.values()) closeSync(fd)
    this.#open.clear()
  }
}
