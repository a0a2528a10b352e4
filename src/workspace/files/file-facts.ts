// The facts of a path, without following a last symbolic link (protocol.md#files-change, stat): `statPath(path)`, one
// lstat and, for a link, one readlink. Also the permission bits as the interface writes them, octal strings such as
// "0644" (protocol.md#files-write).

import type { Stats } from 'node:fs'
import { basename } from 'node:path'
import { quote, refuse } from '../../base/fault.ts'
import { lstat, lstatSync, readlink } from '../../base/path-calls.ts'
import { extensionOf, isCodeFile } from '../../threads/walk/code-files.ts'
import { remoteCall } from './mounts/remote-calls.ts'
import { onlyLocal } from './mounts/remote-mounts.ts'
import { EVERYTHING, type Access } from './opening/access.ts'
import { faultOfPath } from './opening/missing-path.ts'
import { specialType } from './opening/regular-file.ts'

interface FileFacts {
  /** The path as the client named it. */
  readonly path: string
  readonly name: string
  readonly type: 'file' | 'directory' | 'symlink'
  /** Bytes; 0 for a symbolic link, whose own content is its target. */
  readonly size: number
  /** ISO 8601. */
  readonly modified: string
  /** Octal, "0644". */
  readonly permissions: string
  readonly is_code: boolean
  readonly uid: number
  readonly gid: number
  readonly extension?: string
  readonly symlink_target?: string
  /** Present if `type` is "file" because there is no better word for what it is. */
  readonly special?: string
}

export async function statPath(path: string, access: Access = EVERYTHING): Promise<FileFacts> {
  try {
    const stats = !access.everything
      ? await judgedStats(path, access)
      : onlyLocal()
        ? lstatSync(path)
        : await remoteCall(path, () => lstat(path))
    const name = basename(path) || '/'
    const type = stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'file'
    const extension = type === 'directory' ? '' : extensionOf(name)
    const special = specialType(stats)
    return {
      path,
      name,
      type,
      size: type === 'symlink' ? 0 : stats.size,
      modified: modifiedAt(stats),
      permissions: writeMode(stats.mode),
      is_code: type === 'file' && special === undefined && isCodeFile(name),
      uid: stats.uid,
      gid: stats.gid,
      ...(extension === '' ? {} : { extension }),
      ...(type === 'symlink' ? { symlink_target: await readlink(path) } : {}),
      ...(special === undefined ? {} : { special }),
    }
  } catch (error) {
    throw await faultOfPath(error, path)
  }
}

async function judgedStats(path: string, access: Access): Promise<Stats> {
  await using seen = await access.open(path, true)
  return await seen.stat()
}

/** Returns ISO 8601. A time outside the range of a Date (file systems can say anything) becomes the nearest inside. */
function modifiedAt(stats: Stats): string {
  return new Date(Math.min(Math.max(stats.mtimeMs, -8.64e15), 8.64e15)).toISOString()
}

/** The pattern of a mode in requests: three or four octal digits, or one more leading 0. */
export const MODE_PATTERN = '^0?[0-7]{3,4}$'

/** Returns "0644", "644" or "04755" as a number; undefined stays undefined. Throws `bad_request`. */
export function readMode(text: string): number
export function readMode(text: string | undefined): number | undefined
export function readMode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!new RegExp(MODE_PATTERN).test(text)) {
    throw refuse('mode', `mode is ${quote(text)}; accepted are three or four octal digits such as "0644"`, text)
  }
  return Number.parseInt(text, 8)
}

/** Returns the permission bits of `st_mode` in the form "0644". */
export function writeMode(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
