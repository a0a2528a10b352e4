// Makes directories: parents included, safe beside calls that make the same ones (F-13), with exactly the permissions
// asked for, independent of the daemon's umask. Existing directories stay as they are. Each is made in a directory that
// is held open (held-directory.ts), and only what was made here gets other permissions: if another process puts
// something else in its place meanwhile, no link is followed and no mode changed.

import { constants, fchmod, fstat, type Stats } from 'node:fs'
import { basename, dirname } from 'node:path'
import { promisify } from 'node:util'
import { chmod, mkdir, opendir } from '../../../base/path-calls.ts'
import { isJustMade, type Making } from '../../../base/just-made.ts'
import { errnoOf, Fault, faultOfSystem, quote } from '../../../base/fault.ts'
import { EVERYTHING, type Access } from '../opening/access.ts'
import {
  EVERYBODY,
  foresee,
  holdDirectory,
  holdEntry,
  judge,
  lookAt,
  type Asker,
  type HeldDirectory,
  type HeldEntry,
} from '../opening/held-directory.ts'

/** Permissions of parents, and of the directory itself unless others are given (protocol.md#files-change). */
export const DIRECTORY_MODE = 0o755

/** Attempts after which the call gives in to processes that remove the parents all the time. */
const MOST_BEGINNINGS = 1000

interface MakingManner {
  /** Permissions of the last directory. */
  readonly mode?: number
  /** True: the new names are made durable. */
  readonly sync?: boolean
  readonly asker?: Asker
}

/** A directory that exists now, open, and those that were made for it, outermost first. */
interface MadeDirectory extends Disposable {
  readonly directory: HeldDirectory
  readonly created: readonly string[]
}

/**
 * Makes `path` and its missing parents; resolves with those made, outermost first. Throws `conflict`, `forbidden`, or
 * the fault of the path.
 */
export async function makeDirectories(
  path: string,
  mode: number = DIRECTORY_MODE,
  access: Access = EVERYTHING,
): Promise<readonly string[]> {
  using made = await makeAndHold(path, { mode, asker: { access, path } })
  return made.created
}

export async function makeAndHold(path: string, manner: MakingManner = {}): Promise<MadeDirectory> {
  const created: string[] = []
  const { asker = EVERYBODY } = manner
  try {
    await foresee(path, asker)
    for (let beginning = 0; beginning < MOST_BEGINNINGS; beginning++) {
      const { directory, missing } = await holdDeepest(path)
      using stack = new DisposableStack()
      stack.use(directory)
      const made = await makeBelow(directory, missing, { path, created, ...manner })
      if (made === directory) stack.move()
      if (made !== undefined) return { directory: made, created, [Symbol.dispose]: () => made[Symbol.dispose]() }
    }
  } catch (error) {
    throw errnoOf(error) === 'ENOTDIR' && (await isFile(path)) ? notDirectory(path) : faultOfSystem(error, path)
  }
  throw parentsGone(path)
}

/** Returns the fault of a directory whose parents other processes keep removing. */
export function parentsGone(path: string): Fault {
  return new Fault('conflict', `path ${quote(path)} cannot be made: its parents are being removed`, {
    details: { path },
  })
}

/** Resolves with the deepest directory on the way to `path` that exists, and the names that are missing below it. */
export async function holdDeepest(path: string): Promise<{ directory: HeldDirectory; missing: readonly string[] }> {
  const missing: string[] = []
  for (let at = path; ; at = dirname(at)) {
    try {
      return { directory: await holdDirectory(at), missing }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || at === '/') throw error
      missing.unshift(basename(at))
    }
  }
}

/** True if a file stands at `path` itself, rather than above it. */
async function isFile(path: string): Promise<boolean> {
  try {
    using entry = await holdEntry(path)
    return (await lookAt(entry)) !== undefined
  } catch {
    return false
  }
}

interface MakingBelow extends MakingManner {
  /** The path as the client named it. */
  readonly path: string
  readonly created: string[]
}

/**
 * Makes the directories `names`, each in the one before; resolves with the last, which is `start` if there are none.
 * `start` stays open. Undefined: another process removed a directory on the way, and the caller begins anew.
 */
export async function makeBelow(
  start: HeldDirectory,
  names: readonly string[],
  making: MakingBelow,
): Promise<HeldDirectory | undefined> {
  let at = start
  for (const [index, name] of names.entries()) {
    const mode = index === names.length - 1 ? making.mode : undefined
    const above = at
    try {
      const next = await makeOne(at.entry(name), mode ?? DIRECTORY_MODE, making)
      if (next === undefined) return undefined
      at = next
    } finally {
      if (above !== start) above[Symbol.dispose]()
    }
  }
  return at
}

async function makeOne(entry: HeldEntry, mode: number, making: MakingBelow): Promise<HeldDirectory | undefined> {
  const began = Date.now()
  await judge(entry, making.asker ?? EVERYBODY)
  try {
    await entry.directory.call(entry.real, () => mkdir(entry.way, mode))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (errnoOf(error) !== 'EEXIST') throw faultOfSystem(error, making.path)
    return await holdExisting(entry)
  }
  making.created.push(entry.real)
  if (making.sync === true) await entry.directory.sync()
  return await adopt(entry, { mode, began })
}

/** Resolves with the existing directory. A link to a directory counts as one. */
async function holdExisting(entry: HeldEntry): Promise<HeldDirectory | undefined> {
  try {
    return await holdDirectory(entry.way)
  } catch (error) {
    if ((await lookAt(entry)) === undefined) return undefined
    if (!NO_DIRECTORY.has(errnoOf(error) ?? '')) throw faultOfSystem(error, entry.real)
    throw notDirectory(entry.real)
  }
}

const NO_DIRECTORY = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

function notDirectory(path: string): Fault {
  return new Fault('conflict', `path ${quote(path)} exists already and is not a directory`, { details: { path } })
}

/** Opens the directory that was just made, and undoes the umask; the set-group-id bit that it inherits stays (F-12). */
async function adopt(entry: HeldEntry, wanted: Making): Promise<HeldDirectory | undefined> {
  let made: HeldDirectory
  try {
    made = await holdDirectory(entry.way, constants.O_NOFOLLOW)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (!NO_DIRECTORY.has(errnoOf(error) ?? '')) throw faultOfSystem(error, entry.real)
    throw new Fault('conflict', `path ${quote(entry.real)} was exchanged for something else while it was made`, {
      details: { path: entry.real },
    })
  }
  try {
    const stats = await statOpen(made.fd)
    const mode = wanted.mode | (stats.mode & 0o2000)
    if ((stats.mode & 0o7777) !== mode && (await isOurs(made, stats, wanted))) await setMode(made, mode)
    return made
  } catch (error) {
    made[Symbol.dispose]()
    throw faultOfSystem(error, entry.real)
  }
}

const statOpen = promisify(fstat)
const setOpenMode = promisify(fchmod)

async function isOurs(made: HeldDirectory, stats: Stats, making: Making): Promise<boolean> {
  const ours = isJustMade(stats, making)
  return ours === 'yes' || (ours === 'empty' && (await isEmpty(made)))
}

async function isEmpty(directory: HeldDirectory): Promise<boolean> {
  await using listing = await opendir(directory.way('.'), { bufferSize: 1 })
  return (await listing.read()) === null
}

async function setMode(directory: HeldDirectory, mode: number): Promise<void> {
  if (directory.readable) await setOpenMode(directory.fd, mode)
  else await chmod(directory.way('.'), mode)
}
