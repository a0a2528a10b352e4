// Which file a write means: symbolic links are followed to the file they stand for, also to one that does
// not exist yet (contract 16, reliability F-08), and missing parents are made where that was asked for.

import type { Stats } from 'node:fs'
import { readlink, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, Fault, faultOfSystem, quote } from '../../base/fault.ts'
import { makeDirectories } from './directory.ts'
import { faultOfPath } from './missing-path.ts'
import { refuseSpecial } from './regular-file.ts'

export interface WriteTarget {
  /** The file itself: never a link. */
  readonly path: string
  /** What stands there now, a regular file; undefined: nothing. */
  readonly existing: Stats | undefined
  /** Directories that had to be made. */
  readonly created: readonly string[]
}

/** Links followed before it is a loop; the kernel's own limit. */
const MOST_LINKS = 40

export async function findTarget(path: string, createParents: boolean): Promise<WriteTarget> {
  const existing = await statOrNothing(path)
  if (existing !== undefined) {
    await refuseSpecial(path, existing)
    try {
      return { path: await realpath(path), existing, created: [] }
    } catch (error) {
      throw await faultOfPath(error, path)
    }
  }
  const target = await endOfLinks(path)
  const parent = await statOrNothing(dirname(target))
  if (parent !== undefined) return { path: target, existing: undefined, created: [] }
  if (!createParents) {
    throw new Fault(
      'not_found',
      `path ${quote(path)} has no parent directory ${quote(dirname(target))}; create_dirs makes it`,
      {
        details: { field: 'path', got: path, parent: dirname(target) },
      },
    )
  }
  return { path: target, existing: undefined, created: await makeDirectories(dirname(target)) }
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw faultOfSystem(error, path)
  }
}

/** Where a dangling link leads; `path` itself where it is no link. */
async function endOfLinks(path: string): Promise<string> {
  let at = path
  for (let followed = 0; followed <= MOST_LINKS; followed++) {
    let to: string
    try {
      to = await readlink(at)
    } catch {
      return at // nothing there, or nothing that is a link: what follows finds out
    }
    // Not normalised: ".." behind a linked directory means the kernel's parent, not the text's.
    at = to.startsWith('/') ? to : `${await realpath(dirname(at))}/${to}`
  }
  throw new Fault('conflict', `path ${quote(path)} goes through a loop of symbolic links`, { details: { path } })
}
