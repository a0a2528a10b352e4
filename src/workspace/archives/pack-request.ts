// Checks the paths of a download before the first byte of the answer, while a refusal is still possible
// (protocol.md#archives): each is absolute, exists, can be read and is something that an archive can hold, and no two
// would have the same name in it.

import { constants } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { access as mayRead, lstat, realpath } from '../../base/path-calls.ts'
import { textOfBytes } from '../../base/bytes-text.ts'
import { Fault, quote } from '../../base/fault.ts'
import { parseMounts, type Mount } from '../../base/mountinfo.ts'
import type { PackRoot } from '../../threads/archive/pack-job.ts'
import { isPseudoMount } from '../../threads/walk/mounts.ts'
import type { Access } from '../files/opening/access.ts'
import { faultOfPath } from '../files/opening/missing-path.ts'
import { mountOf } from '../files/mounts/mount-table.ts'
import { remoteCall } from '../files/mounts/remote-calls.ts'
import { notRegular, specialType } from '../files/opening/regular-file.ts'

/**
 * Resolves with the roots of the archive. Throws the fault of the first path that will not do. What is opened for the
 * judge is the stack's to close.
 */
export async function rootsOf(
  paths: readonly string[],
  access: Access,
  stack: AsyncDisposableStack,
): Promise<PackRoot[]> {
  const roots = paths.map((path) => ({ path, name: basename(path) || '.' })) // `/` gives ./etc and so on
  const byName = new Map<string, PackRoot>()
  for (const root of roots) {
    const other = byName.get(root.name)
    if (other !== undefined) {
      const both = `${quote(other.path)} and ${quote(root.path)}`
      throw bad(`paths names ${both}, which would both be ${quote(root.name)} in the archive`, [other.path, root.path])
    }
    byName.set(root.name, root)
  }
  const mounts = parseMounts(textOfBytes(await readFile('/proc/self/mountinfo').catch(() => Buffer.alloc(0))))
  const judged = access.everything ? roots : await judgedRoots(roots, access, stack)
  for (const { path } of roots) await remoteCall(path, () => refuseUnfit(path, mounts))
  return judged
}

async function judgedRoots(roots: readonly PackRoot[], access: Access, stack: AsyncDisposableStack) {
  const judged: PackRoot[] = []
  for (const root of roots) {
    try {
      const opened = stack.use(await access.open(root.path, true))
      const isLink = (await opened.stat()).isSymbolicLink()
      judged.push(isLink ? root : { ...root, fd: opened.fd })
    } catch (error) {
      throw await faultOfPath(error, root.path)
    }
  }
  return judged
}

async function refuseUnfit(path: string, mounts: readonly Mount[]): Promise<void> {
  try {
    const stats = await lstat(path)
    const special = specialType(stats)
    if (special !== undefined) throw notRegular(path, `a ${special.replace('_', ' ')}`)
    if (stats.isSymbolicLink()) return
    await mayRead(path, constants.R_OK)
    const mount = mountOf(mounts, join(await realpath(dirname(path)), basename(path)))
    if (mount !== undefined && isPseudoMount(mount)) {
      const kind = 'lies in a pseudo file system, whose files are made while they are read; file_read reads them'
      throw new Fault('bad_request', `path ${quote(path)} ${kind}`, { details: { field: 'paths', path } })
    }
  } catch (error) {
    throw await faultOfPath(error, path)
  }
}

function bad(sentence: string, got: unknown): Fault {
  return new Fault('bad_request', sentence, { details: { field: 'paths', got } })
}
