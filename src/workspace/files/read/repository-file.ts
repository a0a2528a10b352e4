// The one reader of files that a repository hands to a model unasked: advice for agents, prompts. The author of the
// repository chose these files, so a file is read only if it is regular, really lies where it is looked for (not where
// a link leads), and is none of the daemon's own; 64 KiB at most, from the opened file. A file that cannot be read
// counts as missing. The operator's configuration may name any file or folder outright.

import { constants } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { pathOfOpened } from '../../../base/opened-path.ts'
import { realpath } from '../../../base/path-calls.ts'
import type { Access } from '../opening/access.ts'
import { kernelPath } from '../opening/judged-open.ts'
import { isWithin } from '../mounts/mount-table.ts'
import { openRegular, type RegularFile } from '../opening/regular-file.ts'

const REPOSITORY_FILE_BYTES = 64 * 1024

interface RepositoryFile {
  readonly bytes: Buffer
  /** True if the file goes on. */
  readonly cut: boolean
}

export interface Repository {
  /** The directory of its files; relative names are below it. */
  readonly top: string
  /** The access of a caller who is not allowed everything, for every caller: the model has no use for our secrets. */
  readonly access: Access
}

/**
 * Resolves with the beginning of a file; undefined: it cannot be read. `file` is absolute if the configuration names it
 * so. `most`: bytes, at most REPOSITORY_FILE_BYTES.
 */
export async function readRepositoryFile(
  file: string,
  { top, access }: Repository,
  most = REPOSITORY_FILE_BYTES,
): Promise<RepositoryFile | undefined> {
  const path = resolve(top, file)
  try {
    const opened = await openRegular(path, constants.O_RDONLY, access)
    try {
      if (!isAbsolute(file) && !(await liesBelow(opened.handle.fd, path, top))) return undefined
      return await beginningOf(path, opened, most)
    } finally {
      await opened.handle.close()
    }
  } catch {
    return undefined
  }
}

/**
 * Resolves with the files of a folder that `accepts` their names, in the order of their names: whole text files that
 * fit.
 */
export async function readRepositoryFolder(
  folder: string,
  { top, access }: Repository,
  { accepts, most }: { readonly accepts: (name: string) => boolean; readonly most: number },
): Promise<{ name: string; text: string }[]> {
  const path = resolve(top, folder)
  const files: { name: string; text: string }[] = []
  await using opened = await access.open(path).catch(() => undefined)
  if (opened === undefined) return files
  if (!isAbsolute(folder) && !(await liesBelow(opened.fd, path, top))) return files
  const real = kernelPath(opened.fd)
  const names = await readdir(pathOfOpened(opened.fd)).catch(() => [])
  for (const name of names.filter(accepts).toSorted().slice(0, most)) {
    const read = await readRepositoryFile(name, { top: real, access })
    if (read !== undefined && !read.cut) files.push({ name, text: read.bytes.toString('utf8') })
  }
  return files
}

/** True also if no link was followed at all: then it is the path that was named. */
async function liesBelow(fd: number, path: string, top: string): Promise<boolean> {
  const real = kernelPath(fd)
  return real === path || isWithin(real, await realpath(top))
}

async function beginningOf(path: string, { handle }: RegularFile, most: number): Promise<RepositoryFile> {
  const buffer = Buffer.alloc(Math.min(most, REPOSITORY_FILE_BYTES) + 1)
  let read = 0
  while (read < buffer.byteLength) {
    const at = read
    const { bytesRead } = await handle.read(buffer, at, buffer.byteLength - at, at)
    if (bytesRead === 0) break
    read += bytesRead
  }
  const cut = read === buffer.byteLength
  return { bytes: buffer.subarray(0, cut ? read - 1 : read), cut }
}
