// Deleting a path (contract 2 and 16, reliability F-19 and F-20): a directory goes with all below it, a link
// goes without what it points at. The system's own directories are refused (protected.ts), and so is a tree that
// something is mounted in, before anything is touched.

import { lstat, realpath, rmdir, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Fault, quote } from '../../base/fault.ts'
import type { FileWriter } from './file-writer.ts'
import { faultOfPath } from './missing-path.ts'
import { mountPoints } from './mounts.ts'
import { refuseProtected, refuseSameAsProtected } from './protected.ts'
import { emptyDirectory } from './tree-removal.ts'

export async function removePath(path: string, writer: Pick<FileWriter, 'alone'>, signal: AbortSignal): Promise<void> {
  refuseProtected(path, path, 'deleted')
  try {
    const real = join(await realpath(dirname(path)), basename(path))
    refuseProtected(real, path, 'deleted')
    const stats = await lstat(real)
    if (!stats.isDirectory()) return await writer.alone([real], () => unlink(real))
    await refuseSameAsProtected(stats, path, 'deleted')
    await refuseMounts(real, path)
    await emptyDirectory(real, signal)
    await rmdir(real)
  } catch (error) {
    throw await faultOfPath(error, path)
  }
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
