// What one call may open (`Call.access`, made from the caller's scopes). Judged is what was *opened*, never a path
// that leads elsewhere a moment later. A door that reads or looks begins with `open(path)` and opens the content
// through /proc/self/fd/<n>: each directory on the way is judged, and 403 comes before any word on what is missing.
// A door that has opened by itself (a file, the parent that it acts in) asks `judge`; for a name in that parent
// that it makes, replaces, renames or removes, `judgeEntry`; for what it does to a whole tree, with reach `tree`.
// A walk passes over what `leftOut` names, in silence. A caller that is allowed everything pays for nothing.

import type { FileHandle } from 'node:fs/promises'
import { Fault } from '../../../base/fault.ts'
import type { LeftOut } from '../../../threads/walk/left-out.ts'
import { openPath } from './judged-open.ts'

export type { LeftOut } from '../../../threads/walk/left-out.ts'

/** `tree`: what is done reaches everything below, so nothing below may be withheld either. */
export type Reach = 'itself' | 'tree'

export interface Access {
  /** Nothing is withheld: a door need not ask, nor pay for asking. */
  readonly everything: boolean
  /** Throws `forbidden` unless this call may use what is open at `fd`. `path` is as the client named it. */
  judge(fd: number, path: string, reach?: Reach): Promise<void>
  /**
   * The same for an entry of the directory that is open at `parent`, and for that directory: whether the entry exists
   * or not, and of a link the link itself. What is replaced or removed goes with all below, so the reach is `tree`
   * unless another is given.
   */
  judgeEntry(parent: number, name: string | Buffer, path: string, reach?: Reach): Promise<void>
  /** Opens `path` with O_PATH, a last link followed unless `keepLink`. The caller closes it. Throws the system's errors. */
  open(path: string, keepLink?: boolean): Promise<FileHandle>
  /** What a walk leaves out, as it is now. */
  leftOut(): Promise<LeftOut>
}

const NOTHING_LEFT_OUT: LeftOut = { ids: new Set(), paths: [] }

/** The access of a caller that is allowed everything. */
export const EVERYTHING: Access = {
  everything: true,
  judge: () => Promise.resolve(),
  judgeEntry: () => Promise.resolve(),
  open: (path, keepLink) => openPath(path, keepLink),
  leftOut: () => Promise.resolve(NOTHING_LEFT_OUT),
}

/** Those of `paths` that the call may open, and those that are not there. */
export async function withoutWithheld(paths: readonly string[], access: Access): Promise<readonly string[]> {
  if (access.everything) return paths
  const judged = paths.map(async (path) => ((await isWithheld(path, access)) ? [] : [path]))
  return (await Promise.all(judged)).flat()
}

/** Throws `forbidden` where `path` is given and withheld; what else is wrong with it is told by who uses it. */
export async function refuseWithheld(path: string | undefined, access: Access): Promise<void> {
  if (path === undefined || access.everything) return
  try {
    await (await access.open(path)).close()
  } catch (error) {
    if (error instanceof Fault && error.code === 'forbidden') throw error
  }
}

async function isWithheld(path: string, access: Access): Promise<boolean> {
  try {
    await (await access.open(path)).close()
    return false
  } catch (error) {
    return error instanceof Fault && error.code === 'forbidden'
  }
}
