// What a walk passes over for a caller that is not allowed everything, and the opened directory that it begins in.
// Files and directories are told by identity where they are opened, and entries by path before that, so that
// neither a link nor a second name shows what is withheld.

import { closeSync, constants, fstatSync, openSync, type BigIntStats } from 'node:fs'

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
  /** Decoded as names of entries are. */
  readonly #paths: ReadonlySet<string>
  readonly #names: ReadonlySet<string>

  constructor({ ids, paths }: LeftOut) {
    this.#ids = ids
    this.#bytes = paths
    this.#paths = new Set(paths.map((path) => Buffer.from(path, 'latin1').toString('utf8')))
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

  opened(fd: number): boolean {
    return this.has(fstatSync(fd, { bigint: true }))
  }

  has({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): boolean {
    return this.#ids.has(`${dev}:${ino}`)
  }
}

const { O_DIRECTORY, O_NOFOLLOW } = constants
/** open(2), linux/fcntl.h; the same on x64 and arm64. Node does not name it. */
export const O_PATH = 0o10000000

/** Runs `read` with a path of the opened directory; undefined where that is withheld or has become a link. */
export function withDirectory<T>(where: string | Buffer, withheld: Withheld, read: (path: string) => T): T | undefined {
  const fd = openSync(where, O_PATH | O_DIRECTORY | (isOpened(where) ? 0 : O_NOFOLLOW))
  try {
    return withheld.opened(fd) ? undefined : read(`/proc/self/fd/${fd}`)
  } finally {
    closeSync(fd)
  }
}

/** The path of a descriptor, and nothing below it: the kernel shows it as a link. */
function isOpened(where: string | Buffer): boolean {
  return /^\/proc\/self\/fd\/\d+$/.test(where.toString('latin1'))
}

/** A path that leads to what is open. */
export function pathOfOpened(fd: number): string {
  return `/proc/self/fd/${fd}`
}
