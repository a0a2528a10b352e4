// The places that a walk passes over for a caller that is not allowed everything, and the bounds of the walked tree.
// Opened files and directories are told by identity (dev, ino), entries by path before that, so that neither a link nor
// a second name shows what is withheld.

import { closeSync, constants, fstatSync, readlinkSync, type BigIntStats, type Stats } from 'node:fs'
import { bytesOfText, textOfBytes } from '../../base/bytes-text.ts'
import { lstatSync, openSync } from '../../base/path-calls.ts'
import { errnoOf } from '../../base/fault.ts'
import { O_PATH, pathOfOpened } from '../../base/opened-path.ts'

export interface LeftOut {
  /**
   * `dev:ino` in decimal of withheld directories and files and of everything below them; a file counts under all its
   * names.
   */
  readonly ids: ReadonlySet<string>
  /** Paths of withheld directories and files: absolute, mostly without links; latin1, one character a byte. */
  readonly paths: readonly string[]
}

/** The start of a walk whose caller is limited. */
export interface Judged extends LeftOut {
  /** The walk's root, open in this process until the walk is over. */
  readonly fd: number
}

export class Withheld {
  readonly #ids: ReadonlySet<string>
  readonly #bytes: readonly string[]
  /** The paths decoded as names of entries are, and as paths from callers are. */
  readonly #paths: ReadonlySet<string>
  readonly #names: ReadonlySet<string>

  constructor({ ids, paths }: LeftOut) {
    this.#ids = ids
    this.#bytes = paths
    this.#paths = new Set(paths.flatMap((path) => decodings(Buffer.from(path, 'latin1'))))
    this.#names = new Set([...this.#paths].map((path) => path.slice(path.lastIndexOf('/') + 1)))
  }

  /** Returns whether an entry is withheld. `directory` is called only if the name alone does not settle it. */
  entry(directory: () => string, name: string): boolean {
    if (!this.#names.has(name)) return false
    const above = directory()
    return this.#paths.has(above === '/' ? `/${name}` : `${above}/${name}`)
  }

  /** Returns whether an absolute path without links, one character a byte, is withheld or lies below a withheld one. */
  covers(path: string): boolean {
    return this.#bytes.some((one) => path === one || path.startsWith(`${one}/`))
  }

  /** Returns the same, or whether a withheld path lies below it, be it through a link. */
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

/** Returns true if an opened file or directory must not be read. */
export type Refuses = (fd: number) => boolean

/**
 * Runs `read` with a path of the opened directory. Returns undefined if `refuses` says so or a link has taken its
 * place.
 */
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

/** True for the path of a descriptor itself, which the kernel shows as a link. */
function isOpened(where: string | Buffer): boolean {
  return /^\/proc\/self\/fd\/\d+$/.test(where.toString('latin1'))
}

/**
 * The tree below a directory. The kernel tells whether an opened entry lies in it. A walk goes by paths: if another
 * user exchanges a directory on the way for a link, a path leads out of the tree, to files that this user may not read.
 * Asking the kernel costs a third of a listing, so it is asked only below directories that others may change.
 */
export class Bounds {
  readonly #root: string | undefined
  readonly #below: string
  /** True if no other user may exchange the root or a directory above it. */
  readonly firm: boolean

  /** `root`: a path of the directory that the walk begins in. */
  constructor(root: string) {
    this.#root = whereIs(root)
    this.#below = `${this.#root}/`
    // A path with links goes through directories that are not checked here.
    const plain = isOpened(root) || bytesOfText(root).toString('latin1') === this.#root
    this.firm = this.open || (plain && isFirmWay(this.#root ?? '/'))
  }

  /** True if everything is inside: the root is "/", or there is no /proc that would tell. */
  get open(): boolean {
    return this.#root === undefined || this.#root === '/'
  }

  leaves(fd: number): boolean {
    if (this.open) return false
    const at = readlinkSync(pathOfOpened(fd), 'latin1')
    return at !== this.#root && !at.startsWith(this.#below)
  }
}

/** Returns the real path of a directory, one character a byte; undefined without /proc. */
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

/**
 * Returns whether only root and the daemon's user may change a directory's entries; an ACL shows in the group's bits.
 */
export function isFirm({ uid, mode }: Pick<Stats, 'uid' | 'mode'>): boolean {
  return OURS.has(uid) && (mode & 0o022) === 0
}

/**
 * Returns the same of every directory above `path`. In a sticky one (/tmp) it holds for entries of root and the
 * daemon's user.
 */
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
