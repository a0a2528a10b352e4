// Deletes a path (protocol.md#files-change, F-19 and F-20): a directory with all below it, a link without what it
// points at. The directories of kept-directories.ts are refused, and so is a tree with a mount in it, before anything
// is touched. The parent, and a directory itself, are opened first; what is open is judged and removed.

import { Fault, quote } from '../../../base/fault.ts'
import { rmdir, unlink } from '../../../base/path-calls.ts'
import { mountPoints } from '../mounts/remote-mounts.ts'
import { EVERYTHING, type Access } from '../opening/access.ts'
import { holdEntry, lookAt, type HeldEntry } from '../opening/held-directory.ts'
import { faultOfPath } from '../opening/missing-path.ts'
import { emptyDirectory } from '../tree/tree-removal.ts'
import { openStack, type DirectoryStack } from '../tree/tree-walk.ts'
import type { FileWriter } from '../write/file-writer.ts'
import { refuseProtected, refuseSameAsProtected, refuseWorkdir } from './kept-directories.ts'

/** The writer, the access and the working directory of a deletion. */
interface Remover {
  readonly writer: Pick<FileWriter, 'alone'>
  /** The access of the call; not given: everything. */
  readonly access?: Access
  /** The working directory, which is not deleted. */
  readonly workdir: string
}

export async function removePath(path: string, remover: Remover, signal: AbortSignal): Promise<void> {
  const { writer, access = EVERYTHING, workdir } = remover
  refuseProtected(path, path, 'deleted')
  try {
    using entry = await holdEntry(path, { access, path })
    refuseProtected(entry.real, path, 'deleted')
    const stats = await lookAt(entry)
    if (stats !== undefined) await refuseWorkdir(workdir, { path, real: entry.real, stats }, 'deleted')
    if (stats?.isDirectory() !== true)
      return await writer.alone([entry], () => entry.directory.call(entry.real, () => unlink(entry.way)))
    await using stack = await openStack(entry.way)
    if (!access.everything) await access.judge(stack.handle.fd, path, 'tree')
    await removeTree(entry, { stack, path, signal })
  } catch (error) {
    throw await faultOfPath(error, path)
  }
}

interface Removal {
  readonly stack: DirectoryStack
  readonly path: string
  readonly signal: AbortSignal
}

async function removeTree(entry: HeldEntry, { stack, path, signal }: Removal): Promise<void> {
  const { dev, ino } = stack
  await refuseSameAsProtected({ dev, ino }, path, 'deleted')
  await refuseMounts(entry.real, path)
  await emptyDirectory(stack, signal)
  const now = await lookAt(entry)
  if (now !== undefined && (now.ino !== ino || now.dev !== dev)) {
    throw new Fault('conflict', `path ${quote(path)} was exchanged for something else while it was emptied`, {
      details: { field: 'path', got: path },
    })
  }
  await rmdir(entry.way)
}

async function refuseMounts(real: string, path: string): Promise<void> {
  const within = (await mountPoints()).find((point) => point === real || point.startsWith(`${real}/`))
  if (within === undefined) return
  throw new Fault(
    'conflict',
    `path ${quote(path)} has a file system mounted at ${quote(within)}; nothing was deleted`,
    {
      details: { field: 'path', got: path, mount_point: within },
    },
  )
}
