// Moves and copies (F-19, F-21). A moved entry gets its new name in one step; across file systems it is copied beside
// the new place first, the copy gets its name, then the old one is put away in one step and removed. A copy appears
// whole or not at all. Killed at any moment, the source is complete or the destination is, and leftovers are removed at
// the next start. Both parents are held open throughout.

import { errnoOf, Fault, faultOfSystem, quote } from '../../../base/fault.ts'
import { stat, unlink } from '../../../base/path-calls.ts'
import { mountPoints } from '../mounts/remote-mounts.ts'
import { lookAt } from '../opening/held-directory.ts'
import { notRegular, specialType } from '../opening/regular-file.ts'
import type { CopyTally } from '../tree/tree-copy.ts'
import type { FileWriter } from '../write/file-writer.ts'
import { refuseProtected, refuseSameAsProtected, refuseWorkdir } from './kept-directories.ts'
import { copyBeside, moveByCopy } from './relocated-copy.ts'
import { findEnds, makeParents, sameName, type RelocationEnds, type Relocation } from './relocation.ts'
import { giveName } from './staging.ts'

export type { Relocation } from './relocation.ts'

export interface Mover extends AsyncDisposable {
  /**
   * Resolves with what had to be copied, if the new place is on another file system. Throws `forbidden`, `bad_request`,
   * `conflict`, or the fault of a path.
   */
  move(request: Relocation, signal: AbortSignal): Promise<CopyTally | undefined>
  copy(request: Relocation, signal: AbortSignal): Promise<CopyTally>
}

/** Trees copied at once: each has up to 8 files in hand, 256 KiB of each. */
const MOST_COPIES = 8

type CopyTurn = (work: () => Promise<CopyTally>) => Promise<CopyTally>

interface MoverParts {
  readonly writer: Pick<FileWriter, 'journal' | 'alone'>
  readonly durable: boolean
  /** The working directory, which is not moved. */
  readonly workdir: string
}

export function openMover(means: MoverParts): Mover {
  const running = new Set<Promise<unknown>>()
  let accepting = true
  let copies = 0

  const counted: CopyTurn = async (work) => {
    if (copies >= MOST_COPIES) {
      throw new Fault('unavailable', `${copies} copies are being made; accepted are ${MOST_COPIES} at once`, {
        details: { limit: MOST_COPIES },
        retryAfter: 1,
      })
    }
    copies++
    try {
      return await work()
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
    move: (request, signal) => kept(() => move(request, { means, signal, takeTurn: counted })),
    copy: (request, signal) => kept(() => copy(request, { means, signal, takeTurn: counted })),
    async [Symbol.asyncDispose]() {
      accepting = false
      await Promise.allSettled(running) // calls that must stop earlier have their signals
    },
  }
}

interface MoveTask {
  readonly means: MoverParts
  readonly signal: AbortSignal
  /** Runs a copy; throws `unavailable` if no more may run. */
  readonly takeTurn: CopyTurn
}

async function move(request: Relocation, task: MoveTask): Promise<CopyTally | undefined> {
  const { path } = request
  refuseProtected(path, path, 'moved')
  using ends = await findEnds(request)
  const { source, what } = ends
  refuseProtected(source.real, path, 'moved')
  if (what.isDirectory()) await refuseSameAsProtected(what, path, 'moved')
  await refuseWorkdir(task.means.workdir, { path, real: source.real, stats: what }, 'moved')
  await refuseMount(path, (point) => point === source.real)
  const { durable, writer } = task.means
  using name = await makeParents(request, ends, durable)
  const pair = { ...ends, name }
  const renamed = await writer.alone([source, name.entry], () => rename(pair, path))
  const copied = renamed ? undefined : await moveAcross(request, pair, task)
  if (durable) {
    await name.entry.directory.sync()
    await source.directory.sync()
  }
  return copied
}

/** Resolves with false if the new name is on another file system, or the file system renames no such directory. */
async function rename(ends: RelocationEnds, path: string): Promise<boolean> {
  const { source, what, name } = ends
  try {
    // rename(2) of one name of a file to another of its names does nothing.
    if (await isSameFile(ends)) await unlink(source.way)
    else await giveName(source.way, what, name)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EXDEV') return false
    throw faultOfSystem(error, path)
  }
}

async function moveAcross(
  request: Relocation,
  ends: RelocationEnds,
  { means, signal, takeTurn }: MoveTask,
): Promise<CopyTally> {
  await refuseMount(request.path, (point) => point.startsWith(`${ends.source.real}/`))
  return await takeTurn(() => moveByCopy(ends, { ...means, path: request.path, signal }))
}

async function copy(request: Relocation, { means, signal, takeTurn }: MoveTask): Promise<CopyTally> {
  using ends = await findEnds(request)
  const special = specialType(ends.what)
  if (special !== undefined) throw notRegular(request.path, `a ${special.replace('_', ' ')}`)
  using name = await makeParents(request, ends, means.durable)
  const pair = { ...ends, name }
  const tally = await takeTurn(() => copyBeside(pair, { ...means, path: request.path, signal }))
  if (means.durable) await name.entry.directory.sync()
  return tally
}

async function refuseMount(path: string, within: (point: string) => boolean): Promise<void> {
  const point = (await mountPoints()).find(within)
  if (point === undefined) return
  throw new Fault('conflict', `path ${quote(path)} has a file system mounted at ${quote(point)}; nothing was moved`, {
    details: { field: 'path', got: path, mount_point: point },
  })
}

/** True if the new name belongs to the same file already, as another name of it. */
async function isSameFile({ source, what, name }: RelocationEnds): Promise<boolean> {
  const now = await lookAt(name.entry)
  if (now === undefined || now.ino !== what.ino || now.dev !== what.dev || !name.overwrite) return false
  const [above, aboveNew] = await Promise.all([source, name.entry].map(({ directory }) => stat(directory.way('.'))))
  const sameDirectory = above?.ino === aboveNew?.ino && above?.dev === aboveNew?.dev
  if (sameDirectory && source.name === name.entry.name) throw sameName(source.real, name.to)
  return true
}
