// Changes permissions, of one path or of a tree (F-19). A link is never followed: each entry is pinned by a descriptor
// that opens no content (O_PATH), looked at, and changed through that, so that no other process can put a link in
// between. Devices and FIFOs are not opened either.

import { constants, type Stats } from 'node:fs'
import { O_PATH, pathOfOpened } from '../../../base/opened-path.ts'
import { chmod, open } from '../../../base/path-calls.ts'
import { errnoOf, Fault, quote } from '../../../base/fault.ts'
import { EVERYTHING, type Access } from '../opening/access.ts'
import { openStack, type DirectoryStack, walkTree } from '../tree/tree-walk.ts'
import { holdEntry, pin } from '../opening/held-directory.ts'
import { faultOfPath } from '../opening/missing-path.ts'
import { pseudoDevices } from '../mounts/remote-mounts.ts'
import { refuseProtected, refuseSameAsProtected } from './kept-directories.ts'

export interface Permissions {
  readonly path: string
  readonly mode: number
  /** Mode of directories, if it differs. */
  readonly directoryMode: number | undefined
  readonly recursive: boolean
  /** The access of the call; not given: everything. */
  readonly access?: Access
}

/** Permissions that the owner needs to look into a directory. */
const READABLE = 0o500

/**
 * Resolves with the number of entries whose permissions were set. Throws `bad_request` for a link, `forbidden`, or the
 * fault of the path.
 */
export async function setPermissions(request: Permissions, signal: AbortSignal): Promise<number> {
  const { path, mode, directoryMode, recursive, access = EVERYTHING } = request
  refuseProtected(path, path, 'changed')
  try {
    using entry = await holdEntry(path, { access, path, reach: recursive ? 'tree' : 'itself' })
    refuseProtected(entry.real, path, 'changed')
    using pinned = await pin(entry)
    const { stats, way } = pinned
    if (stats.isSymbolicLink()) throw isLink(path)
    if (stats.isDirectory()) await refuseSameAsProtected(stats, path, 'changed')
    if (stats.isDirectory() && recursive) return await setTree(`${way}/.`, request, signal)
    await chmod(way, (stats.isDirectory() ? (directoryMode ?? mode) : mode) & 0o7777)
    return 1
  } catch (error) {
    throw await faultOfPath(error, path)
  }
}

/** Sets a tree. `top` leads to the directory that was judged, and to no other. */
async function setTree(top: string, request: Permissions, signal: AbortSignal): Promise<number> {
  await using stack = await openStack(top)
  const pseudo = await pseudoDevices()
  const directoryMode = request.directoryMode ?? request.mode
  let changed = 0
  await walkTree(
    stack,
    {
      async entries(names) {
        for (const name of names) {
          const stats = await setIfThere(stack, name, (found) => (found.isDirectory() ? undefined : request.mode))
          if (stats !== undefined && !stats.isSymbolicLink()) changed++
        }
      },
      // A directory is opened to its owner first if it has to be, for all that is in it.
      async before(name) {
        await setIfThere(stack, name, ({ mode }) => ((mode & READABLE) === READABLE ? undefined : mode | READABLE))
      },
      enter: async () => !pseudo.has(stack.dev),
      async leave() {
        await stack.handle.chmod(directoryMode)
        changed++
      },
    },
    signal,
  )
  return changed
}

async function setIfThere(
  stack: DirectoryStack,
  name: Buffer,
  modeOf: (found: Stats) => number | undefined,
): Promise<Stats | undefined> {
  try {
    return await setOne(stack.entry(name), modeOf)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Sets the mode that `modeOf` returns for what is there; a link stays as it is. Resolves with the facts before. */
async function setOne(path: string | Buffer, modeOf: (found: Stats) => number | undefined): Promise<Stats> {
  await using pinned = await open(path, O_PATH | constants.O_NOFOLLOW)
  const stats = await pinned.stat()
  const mode = stats.isSymbolicLink() ? undefined : modeOf(stats)
  if (mode !== undefined) await chmod(pathOfOpened(pinned.fd), mode & 0o7777)
  return stats
}

function isLink(path: string): Fault {
  return new Fault(
    'bad_request',
    `path ${quote(path)} is a symbolic link, which has no permissions of its own; name its target`,
    {
      details: { field: 'path', got: path },
    },
  )
}
