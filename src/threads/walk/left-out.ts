// What a walk passes over for a caller that is not allowed everything, and the opened directory that it begins in.
// Files and directories are told by identity where they are opened, and entries by path before that, so that
// neither a link nor a second name shows what is withheld.

import { closeSync, constants, fstatSync, readlinkSync, type BigIntStats, type Stats } from 'node:fs'
import { bytesOfText, textOfBytes } from '../../base/bytes-text.ts'
import { lstatSync, openSync } from '../../base/path-calls.ts'
import { errnoOf } from '../../base/fault.ts'
import { O_PATH, pathOfOpened } from '../../base/opened-path.ts'

export interface LeftOut {
  /** `dev:ino` in decimal, of directories and files and of all below them, all names of a file included. */
  readonly ids: ReadonlySet<string>
  /** Directories and files by path: absolute, mostly without links; latin1, one character a byte. */
  readonly paths: readonly string[]
}

/** The start of a walk that has been judged. */
export interface Judged extends LeftOut {
  /** Its root, open in this process until the walk is over. */
  readonly fd: number
}

export class Withheld {
  readonly #ids: ReadonlySet<string>
  readonly #bytes: readonly string[]
  /** Decoded as names of entries are, and as paths are that callers name. */
  readonly #paths: ReadonlySet<string>
  readonly #names: ReadonlySet<string>

  constructor({ ids, paths }: LeftOut) {
    this.#ids = ids
    this.#bytes = paths
    this.#paths = new Set(paths.flatMap((path) => decodings(Buffer.from(path, 'latin1'))))
    this.#names = new Set([...this.#paths].map((path) => path.slice(path.lastIndexOf('/') + 1)))
  }

  /** `directory` is asked for only where the name alone does not settle it. */
  entry(directory: () => string, name: string): boolean {
    if (!this.#names.has(name)) return false
    const above = directory()
    return this.#paths.has(above === '/' ? `/${name}` : `${above}/${name}`)
  }

  /** Whether an absolute path without links, one character a byte, is withheld or lies below what is. */
  covers(path: string): boolean {
    return this.#bytes.some((one) => path === one || path.startsWith(`${one}/`))
  }

  /** The same, and whether anything withheld lies below it, be it by way of a link. */
  reaches(path: string): boolean {
    return this.covers(path) || this.#bytes.some((one) => path === '/' || one.startsWith(`${path}/`))
  }

  opened(fd: number): boolean {
    return this.has(fstatSync(fd, { bigint: true }))
  }

  has({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): boolean {
    return this.#ids.has(`${dev}:${ino}`)
  }
}

function decodings(bytes: Buffer): string[] {
  return [bytes.toString('utf8'), textOfBytes(bytes)]
}

const { O_DIRECTORY, O_NOFOLLOW } = constants

/** Whether something that is open is not to be read. */
export type Refuses = (fd: number) => boolean

/** Runs `read` with a path of the opened directory; undefined where that is refused or has become a link. */
export function withDirectory<T>(where: string | Buffer, refuses: Refuses, read: (path: string) => T): T | undefined {
  const fd = openUnlessLink(where)
  if (fd === undefined) return undefined
  try {
    return refuses(fd) ? undefined : read(pathOfOpened(fd))
  } finally {
    closeSync(fd)
  }
}

function openUnlessLink(where: string | Buffer): number | undefined {
  try {
    return openSync(where, O_PATH | O_DIRECTORY | (isOpened(where) ? 0 : O_NOFOLLOW))
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** The path of a descriptor, and nothing below it: the kernel shows it as a link. */
function isOpened(where: string | Buffer): boolean {
  return /^\/proc\/self\/fd\/\d+$/.test(where.toString('latin1'))
}

/**
 * The tree below a directory, as the kernel tells where something open lies. A walk goes on by paths; where another user
 * exchanges a directory on the way for a link, those lead out of the tree, and what is read there is not his.
 * Asking costs a third of a listing, so it is asked only below directories that others may change.
 */
export class Bounds {
  readonly #root: string | undefined
  readonly #below: string
  /** No other user may exchange the root or a directory above it. */
  readonly firm: boolean

  /** `root`: a path of the directory that the walk begins in. */
  constructor(root: string) {
    this.#root = whereIs(root)
    this.#below = `${this.#root}/`
    // By a path with links the walk would go through directories that are not looked at here.
    const plain = isOpened(root) || bytesOfText(root).toString('latin1') === this.#root
    this.firm = this.open || (plain && isFirmWay(this.#root ?? '/'))
  }

  /** Everything is inside: there is nothing above, or no /proc that would tell. */
  get open(): boolean {
    return this.#root === undefined || this.#root === '/'
  }

  leaves(fd: number): boolean {
    if (this.open) return false
    const at = readlinkSync(pathOfOpened(fd), 'latin1')
    return at !== this.#root && !at.startsWith(this.#below)
  }
}

/** One character a byte. */
function whereIs(directory: string): string | undefined {
  const fd = openSync(directory, O_PATH | O_DIRECTORY)
  try {
    return readlinkSync(pathOfOpened(fd), 'latin1')
  } catch {
    return undefined // /proc is not mounted
  } finally {
    closeSync(fd)
  }
}

const OURS: ReadonlySet<number> = new Set([0, process.geteuid?.() ?? 0])
const STICKY = 0o1000

/** Whether a directory's entries are changed by root and the daemon's own user alone; an ACL shows as the group's. */
export function isFirm({ uid, mode }: Pick<Stats, 'uid' | 'mode'>): boolean {
  return OURS.has(uid) && (mode & 0o022) === 0
}

/** The same of every directory above `path`; in one like /tmp, what is root's or ours stays where it is. */
function isFirmWay(path: string): boolean {
  const parts = path.split('/')
  try {
    return parts.slice(1).every((_, index) => {
      const above = lstatSync(Buffer.from(parts.slice(0, index + 1).join('/') || '/', 'latin1'))
      if (isFirm(above)) return true
      if (!OURS.has(above.uid) || (above.mode & STICKY) === 0) return false
      return OURS.has(lstatSync(Buffer.from(parts.slice(0, index + 2).join('/'), 'latin1')).uid)
    })
  } catch {
    return false
  }
}
