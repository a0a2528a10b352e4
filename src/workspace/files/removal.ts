// Deleting a path (contract 2 and 16, reliability F-19 and F-20): a directory goes with all below it, a link
// goes without what it points at. The system's own directories are refused by name and by identity, so that
// neither a link, nor /proc/self/root, nor a bind mount of "/" leads to them; a tree that something is
// mounted in is refused before anything is touched.

import { lstat, realpath, rmdir, stat, unlink } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Fault, quote } from '../../fault.ts'
import { faultOfPath } from './missing-path.ts'
import { mountPoints } from './mounts.ts'
import { emptyDirectory } from './tree-removal.ts'

/** Exactly these; what lies below them can be deleted (contract 2). */
export const PROTECTED = [
  '/',
  '/bin',
  '/sbin',
  '/usr',
  '/lib',
  '/lib64',
  '/etc',
  '/dev',
  '/proc',
  '/sys',
  '/boot',
  '/run',
]

export async function removePath(path: string, signal: AbortSignal): Promise<void> {
  refuseProtected(path, path)
  try {
    const real = join(await realpath(dirname(path)), basename(path))
    refuseProtected(real, path)
    const stats = await lstat(real)
    if (!stats.isDirectory()) return await unlink(real)
    await refuseSameAsProtected(stats, path)
    await refuseMounts(real, path)
    await emptyDirectory(real, signal)
    await rmdir(real)
  } catch (error) {
    throw await faultOfPath(error, path)
  }
}

function refuseProtected(real: string, path: string): void {
  if (PROTECTED.includes(real)) throw protectedFault(path, real)
}

function protectedFault(path: string, real: string): Fault {
  return new Fault('forbidden', `path ${quote(path)} is the system directory ${quote(real)}, which is never deleted`, {
    details: { field: 'path', got: path, protected: PROTECTED },
  })
}

/** The same directory under another name: a bind mount of it, or of one above it. */
async function refuseSameAsProtected(stats: Stats, path: string): Promise<void> {
  for (const one of PROTECTED) {
    const other = await stat(one).catch(() => undefined)
    if (other?.ino === stats.ino && other.dev === stats.dev) throw protectedFault(path, one)
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
