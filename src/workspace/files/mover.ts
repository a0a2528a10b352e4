// Moving and copying (reliability F-19, F-21): what is moved has its new name in one step; across file systems it
// is copied beside the new place first, then takes its name, then the old one is put away in one step and
// removed. What is copied appears whole or not at all. Killed at any moment, the source is complete or the
// destination is, and what is left over goes at the next start.

import type { Stats } from 'node:fs'
import { access, constants, lstat, open, realpath, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf, Fault, faultOfSystem, quote } from '../../base/fault.ts'
import { flushFileSystem } from '../../native/sync.ts'
import { makeDirectories } from './directory.ts'
import type { FileWriter } from './file-writer.ts'
import { faultOfPath } from './missing-path.ts'
import { mountPoints } from './mounts.ts'
import { giveName, refuseTaken, standingAt, type NewName } from './new-name.ts'
import { refuseProtected, refuseSameAsProtected } from './protected.ts'
import { notRegular, specialType } from './regular-file.ts'
import { openStaging, putAway } from './staging.ts'
import { copyTree, intoItself, type CopyTally } from './tree-copy.ts'
import { openDirectories } from './write-job.ts'

export interface Relocation {
  readonly path: string
  readonly to: string
  /** A file at `to` is replaced. */
  readonly overwrite: boolean
  readonly createDirs: boolean
}

export interface Mover extends AsyncDisposable {
  /** Resolves to what had to be copied, where that was on another file system. */
  move(request: Relocation, signal: AbortSignal): Promise<CopyTally | undefined>
  copy(request: Relocation, signal: AbortSignal): Promise<CopyTally>
}

/** Trees being copied at once: each has up to 8 files in hand, 256 KiB of each. */
const MOST_COPIES = 8

interface Means {
  readonly writer: Pick<FileWriter, 'journal' | 'alone'>
  readonly durable: boolean
}

export function openMover(means: Means): Mover {
  const running = new Set<Promise<unknown>>()
  let accepting = true
  let copies = 0

  const counted: typeof copyTo = async (...job) => {
    if (copies >= MOST_COPIES) {
      throw new Fault('unavailable', `${copies} copies are being made; accepted are ${MOST_COPIES} at once`, {
        details: { limit: MOST_COPIES },
        retryAfter: 1,
      })
    }
    copies++
    try {
      return await copyTo(...job)
    } finally {
      copies--
    }
  }
  const kept = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!accepting) throw new Fault('unavailable', 'the daemon is stopping')
    const task = work()
    running.add(task)
    try {
      return await task
    } finally {
      running.delete(task)
    }
  }
  return {
    move: (request, signal) => kept(() => move(request, { means, signal, copyTo: counted })),
    copy: (request, signal) => kept(() => copy(request, { means, signal, copyTo: counted })),
    async [Symbol.asyncDispose]() {
      accepting = false
      await Promise.allSettled(running) // those who must stop earlier have their signals
    },
  }
}

interface Task {
  readonly means: Means
  readonly signal: AbortSignal
  readonly copyTo: typeof copyTo
}

/** Both ends, the links on their way resolved; neither is followed itself. */
interface Ends {
  readonly source: string
  readonly what: Stats
  readonly name: NewName
}

async function move(request: Relocation, task: Task): Promise<CopyTally | undefined> {
  refuseProtected(request.path, request.path, 'moved')
  const ends = await findEnds(request)
  const { source, what, name } = ends
  refuseProtected(source, request.path, 'moved')
  if (what.isDirectory()) await refuseSameAsProtected(what, request.path, 'moved')
  await refuseMount(source, request.path, (point) => point === source)
  const made = await makeParents(request, ends)
  const { durable, writer } = task.means
  // Opened beforehand: where there is no descriptor for that, nothing has been moved yet.
  await using directories = await openDirectories(
    durable ? [source, name.real, ...made].map((path) => dirname(path)) : [],
  )
  const renamed = await writer.alone([source, name.real], () => rename(ends, request.path))
  const copied = renamed ? undefined : await moveAcross(request, ends, task)
  await directories.sync()
  return copied
}

/** False where the new name is on another file system. */
async function rename(ends: Ends, path: string): Promise<boolean> {
  const { source, what, name } = ends
  try {
    // Renaming one name of a file to another of its names does nothing.
    if (await isSameFile(ends)) await unlink(source)
    else await giveName(source, what, name)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EXDEV') return false
    throw faultOfSystem(error, path)
  }
}

async function moveAcross(request: Relocation, ends: Ends, task: Task): Promise<CopyTally> {
  const { source } = ends
  await refuseMount(source, request.path, (point) => point.startsWith(`${source}/`))
  await access(dirname(source), constants.W_OK).catch((error: unknown) => {
    throw faultOfSystem(error, request.path) // what cannot be removed is not moved
  })
  return await task.copyTo(ends, true, task)
}

/** What somebody wrote after it was read would be lost with the source. Of a directory only itself is looked at. */
async function refuseChanged(source: string, what: Stats): Promise<void> {
  const now = await lstat(source)
  const sameContent = what.isDirectory() || (now.size === what.size && now.ctimeMs === what.ctimeMs)
  if (now.ino === what.ino && now.dev === what.dev && sameContent) return
  throw new Fault('conflict', `path ${quote(source)} changed while it was copied; nothing was moved`, {
    details: { field: 'path', got: source },
  })
}

/** What is left out of a copy would be lost with the source. */
function notMovable(source: string, skipped: number): Fault {
  const sentence = `path ${quote(source)} holds FIFOs, sockets or devices (${skipped}), which do not go to another file system; nothing was moved`
  return new Fault('conflict', sentence, { details: { field: 'path', got: source, skipped } })
}

async function copy(request: Relocation, task: Task): Promise<CopyTally> {
  const ends = await findEnds(request)
  const special = specialType(ends.what)
  if (special !== undefined) throw notRegular(request.path, `a ${special.replace('_', ' ')}`)
  const made = await makeParents(request, ends)
  const named = task.means.durable ? [ends.name.real, ...made] : []
  await using directories = await openDirectories(named.map((path) => dirname(path)))
  const tally = await task.copyTo(ends, false, task)
  await directories.sync()
  return tally
}

/** Copies beside the new place, then gives the copy its name. `whole`: it is a move, and the source goes. */
async function copyTo({ source, what, name }: Ends, whole: boolean, { means, signal }: Task): Promise<CopyTally> {
  const { writer, durable } = means
  await using stack = new AsyncDisposableStack()
  const staging = stack.use(await openStaging(name.real, writer.journal))
  try {
    const sync = durable && !what.isDirectory()
    const tally = await copyTree(source, staging.path, { whole, sync, signal, noClones: false })
    if (whole && tally.skipped > 0) throw notMovable(source, tally.skipped)
    if (durable && what.isDirectory()) await flush(staging.path)
    signal.throwIfAborted()
    await writer.alone(whole ? [source, name.real] : [name.real], async () => {
      if (whole) await refuseChanged(source, what)
      await giveName(staging.path, what, name)
      staging.release()
      if (whole) stack.use(await putAway(source, writer.journal))
    })
    return tally
  } catch (error) {
    throw faultOfSystem(error, name.to)
  }
}

async function flush(directory: string): Promise<void> {
  await using handle = await open(directory)
  await flushFileSystem(handle.fd)
}

async function findEnds(request: Relocation): Promise<Ends> {
  const { path, to, overwrite } = request
  try {
    const source = join(await realpath(dirname(path)), basename(path))
    const what = await lstat(source)
    const real = await resolveParents(to)
    if (real === source) throw sameName(path, to)
    if (real.startsWith(source === '/' ? source : `${source}/`)) throw intoItself(path, to)
    const name = { real, to, overwrite }
    refuseTaken(await standingAt(real).catch(() => undefined), what, name)
    return { source, what, name }
  } catch (error) {
    throw await faultOfPath(error, path)
  }
}

/** The path with the links of those parents resolved that exist. */
async function resolveParents(path: string): Promise<string> {
  const rest = [basename(path)]
  for (let at = dirname(path); ; at = dirname(at)) {
    try {
      return join(await realpath(at), ...rest)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || at === '/') throw faultOfSystem(error, path)
      rest.unshift(basename(at))
    }
  }
}

/** Makes what is missing above the new name, where that was asked for; returns what was made. */
async function makeParents({ to, createDirs }: Relocation, { name }: Ends): Promise<string[]> {
  const parent = dirname(name.real)
  if (createDirs) return await makeDirectories(parent)
  const there = await stat(parent).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw faultOfSystem(error, to)
  })
  if (there?.isDirectory() === true) return []
  const sentence =
    there === undefined
      ? `to is ${quote(to)}, which has no parent directory ${quote(dirname(to))}; create_dirs makes it`
      : `to is ${quote(to)}, and ${quote(dirname(to))} is not a directory`
  throw new Fault(there === undefined ? 'not_found' : 'bad_request', sentence, {
    details: { field: 'to', got: to, parent: dirname(to) },
  })
}

async function refuseMount(source: string, path: string, within: (point: string) => boolean): Promise<void> {
  const point = (await mountPoints()).find(within)
  if (point === undefined) return
  throw new Fault('conflict', `path ${quote(path)} has a file system mounted at ${quote(point)}; nothing was moved`, {
    details: { field: 'path', got: path, mount_point: point },
  })
}

/** True where the new name belongs to the very file already, by another name of it. */
async function isSameFile({ source, what, name }: Ends): Promise<boolean> {
  const now = await standingAt(name.real)
  if (now === undefined || now.ino !== what.ino || now.dev !== what.dev || !name.overwrite) return false
  const [above, aboveNew] = await Promise.all([stat(dirname(source)), stat(dirname(name.real))])
  const sameDirectory = above.ino === aboveNew.ino && above.dev === aboveNew.dev
  if (sameDirectory && basename(source) === basename(name.real)) throw sameName(source, name.to)
  return true
}

function sameName(path: string, to: string): Fault {
  return new Fault('bad_request', `path and to are the same: ${quote(path)}; accepted is another path`, {
    details: { field: 'to', got: to },
  })
}
