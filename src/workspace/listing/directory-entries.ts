// `entriesIn(directory, access)` reads one directory, for a caller who types a path: the entries that the caller may
// open, unsorted.

import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { pathOfOpened } from '../../base/opened-path.ts'
import { Withheld } from '../../threads/walk/left-out.ts'
import type { Access } from '../files/opening/access.ts'
import { kernelPath } from '../files/opening/judged-open.ts'
import { remoteCall } from '../files/mounts/remote-calls.ts'

/** Rejects with the system's error, or with the Fault of a directory that the caller may not open. */
export async function entriesIn(directory: string, access: Access): Promise<Dirent[]> {
  if (access.everything) return await remoteCall(directory, () => readdir(directory, { withFileTypes: true }))
  await using opened = await access.open(directory)
  const withheld = new Withheld(await access.leftOut())
  const above = kernelPath(opened.fd)
  const entries = await readdir(pathOfOpened(opened.fd), { withFileTypes: true })
  return entries.filter(({ name }) => !withheld.entry(() => above, name))
}
