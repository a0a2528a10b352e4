// Finds the file that a write means: symbolic links are followed to the file they stand for, also to one that does not
// exist yet (protocol.md#files-write, F-08), and missing parents are made if that was asked for. The directory that the
// file is in is held open from then on (held-directory.ts): what was looked at is what is written.

import type { Stats } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errnoOf, Fault, faultOfSystem, quote } from '../../../base/fault.ts'
import { MOST_LINKS } from '../../../base/opened-path.ts'
import { readlink, stat } from '../../../base/path-calls.ts'
import type { Access } from '../opening/access.ts'
import { holdEntry, lookAt, type HeldEntry } from '../opening/held-directory.ts'
import { refuseSpecial } from '../opening/regular-file.ts'
import { makeAndHold } from './new-directory.ts'

interface WriteTarget extends Disposable {
  /** The file itself: it was no link when it was looked at. */
  readonly entry: HeldEntry
  /** The regular file that stood there then; undefined: nothing did. */
  readonly existing: Stats | undefined
}

interface TargetManner {
  readonly createDirs: boolean
  /** True: the names of directories that are made become durable. */
  readonly durable: boolean
  readonly access: Access
}

export async function findTarget(path: string, manner: TargetManner): Promise<WriteTarget> {
  using stack = new DisposableStack()
  let at = path
  for (let followed = 0; followed <= MOST_LINKS; followed++) {
    const entry = stack.use(await holdParent(at, path, manner))
    const existing = await standing(entry, path)
    if (existing?.isSymbolicLink() === true) {
      at = await follow(entry, path)
      continue
    }
    if (existing !== undefined) await refuseSpecial(path, existing)
    const held = stack.move()
    return { entry, existing, [Symbol.dispose]: () => held.dispose() }
  }
  throw new Fault('conflict', `path ${quote(path)} goes through a loop of symbolic links`, { details: { path } })
}

/** Holds the parent of `at`, where the links of `path` have led so far. */
async function holdParent(at: string, path: string, manner: TargetManner): Promise<HeldEntry & Disposable> {
  try {
    return await holdEntry(at, { access: manner.access, path })
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw faultOfSystem(error, path)
  }
  const parent = dirname(at)
  if (!manner.createDirs) {
    const sentence = `path ${quote(path)} has no parent directory ${quote(parent)}; create_dirs makes it`
    throw new Fault('not_found', sentence, { details: { field: 'path', got: path, parent } })
  }
  const { directory } = await makeAndHold(parent, { sync: manner.durable, asker: { access: manner.access, path } })
  return { ...directory.entry(basename(at)), [Symbol.dispose]: () => directory[Symbol.dispose]() }
}

async function standing(entry: HeldEntry, path: string): Promise<Stats | undefined> {
  try {
    return await lookAt(entry)
  } catch (error) {
    throw faultOfSystem(error, path)
  }
}

/** Resolves with the path that the link at `entry` leads to. A special file is refused before its name is read. */
async function follow(entry: HeldEntry, path: string): Promise<string> {
  try {
    // A descriptor in /proc is a link whose text leads nowhere: the kernel is asked what it stands for.
    const end = await entry.directory.call(entry.real, () => stat(entry.way)).catch(unlessMissing)
    if (end !== undefined) await refuseSpecial(path, end)
    const to = await readlink(entry.way)
    // The path is not normalised: ".." behind a linked directory means the kernel's parent, not the text's.
    return to.startsWith('/') ? to : entry.directory.way(to)
  } catch (error) {
    throw faultOfSystem(error, path)
  }
}

function unlessMissing(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}
