// The one door from paths to the calls of the system: a path is text that may hold bytes which are no UTF-8 (see
// bytes-text.ts), and Node would write such text with U+FFFD, which is another name. This module passes the path's
// bytes to the system, and returns the system's paths in the same form. Nothing else differs from node:fs.

import * as sync from 'node:fs'
import * as files from 'node:fs/promises'
import { bytesOfText, textOfBytes } from './bytes-text.ts'

/** Returns the path as Node takes it: bytes if the text is not UTF-8. */
function exactPath<P>(path: P): P | Buffer {
  return typeof path === 'string' && !path.isWellFormed() ? bytesOfText(path) : path
}

/**
 * Returns the call with each of its texts exact: paths are first or second, and no other argument has half characters.
 */
function byBytes<F extends (...given: never[]) => unknown>(call: F): F {
  const exact = (...given: never[]): unknown => call(...(given.map(exactPath) as never[]))
  return exact as F // it takes and returns what the call does
}

export const access = byBytes(files.access)
export const chmod = byBytes(files.chmod)
export const copyFile = byBytes(files.copyFile)
export const lchown = byBytes(files.lchown)
export const link = byBytes(files.link)
export const lstat = byBytes(files.lstat)
export const lutimes = byBytes(files.lutimes)
export const mkdir = byBytes(files.mkdir)
export const open = byBytes(files.open)
export const opendir = byBytes(files.opendir)
export const rename = byBytes(files.rename)
export const rm = byBytes(files.rm)
export const rmdir = byBytes(files.rmdir)
export const stat = byBytes(files.stat)
export const statfs = byBytes(files.statfs)
export const symlink = byBytes(files.symlink)
export const unlink = byBytes(files.unlink)

export const accessSync = byBytes(sync.accessSync)
export const existsSync = byBytes(sync.existsSync)
export const lstatSync = byBytes(sync.lstatSync)
export const openSync = byBytes(sync.openSync)
export const statSync = byBytes(sync.statSync)

type Path = string | Buffer

/** Opens a file in Node's file threads; resolves with a bare descriptor, for which no file handle is made. */
export const openElsewhere = (path: Path, flags: number): Promise<number> =>
  new Promise((resolve, reject) => {
    sync.open(exactPath(path), flags, (error, fd) => (error === null ? resolve(fd) : reject(error)))
  })

export async function readlink(path: Path): Promise<string> {
  return textOfBytes(await files.readlink(exactPath(path), 'buffer'))
}

export async function realpath(path: Path): Promise<string> {
  return textOfBytes(await files.realpath(exactPath(path), 'buffer'))
}

export function readlinkSync(path: Path): string {
  return textOfBytes(sync.readlinkSync(exactPath(path), 'buffer'))
}

/** Resolves links by the C library: Node's own function goes through text, even if it is given bytes. */
export function realpathSync(path: Path): string {
  return textOfBytes(sync.realpathSync.native(exactPath(path), 'buffer'))
}
