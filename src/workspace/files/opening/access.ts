// The files that one call may open (`Call.access`, made from the caller's scopes). The thing that was *opened* is
// judged, never a path, which may lead elsewhere a moment later. Code that reads or looks begins with `open(path)` and
// opens the content through /proc/self/fd/<n>: each directory on the way is judged, and 403 comes before any word on
// what is missing. Code that has opened something itself (a file, a parent directory) asks `judge`; for a name in that
// parent that it makes, replaces, renames or removes, `judgeEntry`; for a change of a whole tree, with reach `tree`. A
// walk passes over what `leftOut` names, in silence. A caller that is allowed everything pays for nothing.

import type { FileHandle } from 'node:fs/promises'
import { Fault } from '../../../base/fault.ts'
import type { LeftOut } from '../../../threads/walk/left-out.ts'
import { openPath } from './judged-open.ts'

export type { LeftOut } from '../../../threads/walk/left-out.ts'

/** `tree`: the change reaches everything below, so nothing below may be withheld either. */
export type Reach = 'itself' | 'tree'

export interface Access {
  /** True if nothing is withheld: then code need not ask, nor pay for asking. */
  readonly everything: boolean
  /** Throws `forbidden` unless this call may use what is open at `fd`. `path` is the path as the client named it. */
  judge(fd: number, path: string, reach?: Reach): Promise<void>
  /**
   * Judges an entry of the directory that is open at `parent`, and for that directory, whether the entry exists or not.
   * Of a link the link itself is judged. What is replaced or removed goes with all below, so the reach is `tree` unless
   * another is given.
   */
  judgeEntry(parent: number, name: string | Buffer, path: string, reach?: Reach): Promise<void>
  /**
   * Opens `path` with O_PATH, a last link followed unless `keepLink`. The caller closes it. Throws the system's errors.
   */
  open(path: string, keepLink?: boolean): Promise<FileHandle>
  /** Resolves with what a walk leaves out, as it is now. */
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

/** Resolves with those of `paths` that the call may open, and those that do not exist. */
export async function withoutWithheld(paths: readonly string[], access: Access): Promise<readonly string[]> {
  if (access.everything) return paths
  const judged = paths.map(async (path) => ((await isWithheld(path, access)) ? [] : [path]))
  return (await Promise.all(judged)).flat()
}

/** Throws `forbidden` if `path` is given and withheld. Other faults of the path are told by the code that uses it. */
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
