// Walks requested paths and what lies below them, and puts them into the archive member by member: `for (const _ of
// walk.run(job))`, which yields at each full block. Links are stored, never followed. Only files, directories and links
// go in. A file has in the archive exactly the size it had when it was opened; one that shrinks meanwhile ends the
// archive (T-06). Entries that are left out are counted, and the first of them named.

import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type BigIntStats } from 'node:fs'
import { errnoOf, Fault, faultOfSystem, quote } from '../../base/fault.ts'
import { pathOfOpened } from '../../base/opened-path.ts'
import { below, rootLocation, type Item, type Location } from '../walk/directory.ts'
import { Ground, type WalkedDirectory } from '../walk/ground.ts'
import { Withheld, type Refuses } from '../walk/left-out.ts'
import { headerOf, type Name, type PackType } from './pack-header.ts'
import type { PackJob, PackRoot, PackRemarks } from './pack-job.ts'
import type { BlockWriter } from './pack-outlet.ts'
import { BLOCK_BYTES, paddingOf } from './tar-block.ts'

/** Files with further hard links that are remembered at a time; about 10 MiB. Later ones go in as files. */
const MOST_LINKED = 50_000

const { O_NOFOLLOW } = constants
const FLAGS = constants.O_RDONLY | O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY

/** The first member with a file's content, and how many names of the file are still to come at most. */
interface Linked {
  readonly name: Name
  left: bigint
}

export class PackWalk {
  readonly remarks = new SkippedEntries()
  readonly #out: BlockWriter
  #withheld: Withheld | undefined
  /** Refuses what is open in the directory at hand. */
  #refuses: Refuses | undefined
  readonly #linked = new Map<string, Linked>()

  constructor(out: BlockWriter) {
    this.#out = out
  }

  /** Walks the whole archive, down to its end mark. */
  *run({ roots, excludes, leftOut }: Pick<PackJob, 'roots' | 'excludes' | 'leftOut'>): Generator<void, void> {
    if (leftOut !== undefined) this.#withheld = new Withheld(leftOut)
    for (const root of roots) yield* this.#root(root, { excludes, leftOut })
    yield* this.#out.zeros(2 * BLOCK_BYTES)
  }

  *#root(root: PackRoot, { excludes, leftOut }: Pick<PackJob, 'excludes' | 'leftOut'>): Generator<void, void> {
    const { path, name, fd } = root
    this.#refuses = undefined
    const named = rootLocation(path)
    const location = fd === undefined ? named : { ...named, raw: Buffer.from(pathOfOpened(fd)) }
    const member = rootLocation(name)
    const where = named.raw ?? named.path
    const stats = fd === undefined ? statsOfRoot(where, path) : fstatSync(fd, { bigint: true })
    // It was there when the request was judged.
    if (stats === undefined) return this.remarks.skip('vanished', named.path)
    if (stats.isSymbolicLink()) return yield* this.#link(named, member)
    // It was a link when it was judged.
    if (leftOut !== undefined && fd === undefined) return this.remarks.skip('vanished', named.path)
    if (!stats.isDirectory()) return yield* this.#file(location, member, fd === undefined ? FLAGS : FLAGS & ~O_NOFOLLOW)
    // The root directory itself is no member: an unpacked archive has its own root.
    if (path !== '/') yield* this.#head('Directory', member, stats)
    const judged = leftOut === undefined || fd === undefined ? undefined : { fd, ...leftOut }
    const ground = new Ground(path, { gitignore: false, patterns: excludes, home: NO_HOME, judged })
    yield* this.#children(ground, ground.root, member)
    for (const closed of ground.unreadable) this.remarks.skip('unreadable', closed)
    for (let i = ground.unreadable.length; i < ground.errors; i++) this.remarks.skip('unreadable', '')
  }

  *#children(ground: Ground, directory: WalkedDirectory, name: Name): Generator<void, void> {
    for (const item of ground.enter(directory)) {
      if (!ground.admits(directory, item)) continue
      this.#refuses = ground.refusesIn(directory)
      const location = below(directory, item)
      const member = below(name, item)
      if (item.kind !== 'directory') yield* this.#leaf(item, location, member)
      else if (yield* this.#directory(location, member)) {
        const child = ground.descend(directory, item)
        if (child === undefined) this.remarks.skip('pseudo_filesystem', location.path)
        else yield* this.#children(ground, child, member)
      }
    }
  }

  *#leaf(item: Item, location: Location, member: Name): Generator<void, void> {
    if (item.kind === 'file') yield* this.#file(location, member)
    else if (item.kind === 'symlink') yield* this.#link(location, member)
    else this.remarks.skip(item.kind, location.path)
  }

  /** Returns false if it does not exist any more. */
  *#directory(location: Location, member: Name): Generator<void, boolean> {
    const stats = this.#attempt(location, () => lstatSync(location.raw ?? location.path, { bigint: true }))
    if (stats === undefined || this.#withheld?.has(stats) === true) return false
    if (stats.isDirectory()) yield* this.#head('Directory', member, stats)
    else this.remarks.skip('vanished', location.path)
    return stats.isDirectory()
  }

  *#link(location: Location, member: Name): Generator<void, void> {
    const where = location.raw ?? location.path
    const seen = this.#attempt(location, () => ({
      stats: lstatSync(where, { bigint: true }),
      target: readlinkSync(where, { encoding: 'buffer' }),
    }))
    if (seen === undefined) return
    const { stats, target } = seen
    const link = { path: target.toString('utf8'), raw: isUtf8(target) ? undefined : target }
    yield* this.#head('SymbolicLink', member, stats, { link })
  }

  *#file(location: Location, member: Name, flags = FLAGS): Generator<void, void> {
    const fd = this.#attempt(location, () => openSync(location.raw ?? location.path, flags))
    if (fd === undefined) return
    try {
      const stats = fstatSync(fd, { bigint: true })
      if (this.#withheld?.has(stats) === true) return
      if (this.#refuses?.(fd) === true) return this.remarks.skip('vanished', location.path)
      const first = this.#linkedTo(stats, member)
      if (!stats.isFile()) this.remarks.skip('vanished', location.path)
      else if (first !== undefined) yield* this.#head('Link', member, stats, { link: first })
      else if (stats.size === 0n && madeUp(fd)) this.remarks.skip('pseudo_filesystem', location.path)
      else yield* this.#content(fd, stats, location, member)
    } finally {
      closeSync(fd)
    }
  }

  *#content(fd: number, stats: BigIntStats, location: Location, member: Name): Generator<void, void> {
    const size = Number(stats.size)
    yield* this.#head('File', member, stats, { size })
    const read = yield* this.#out.read(fd, size)
    if (read < size) {
      throw new Fault('conflict', `path ${quote(location.path)} became shorter while it was being packed`)
    }
    yield* this.#out.zeros(paddingOf(size))
  }

  *#head(
    type: PackType,
    name: Name,
    { mode, uid, gid, mtimeNs }: BigIntStats,
    more: { size?: number; link?: Name } = {},
  ): Generator<void, void> {
    const owner = { uid: Number(uid), gid: Number(gid) }
    const header = { type, name, mode: Number(mode) & 0o7777, ...owner, mtime: mtimeNs, size: 0, ...more }
    yield* this.#out.put(headerOf(header))
  }

  /** Returns the member that this file is a further name of; otherwise remembers this one as the first. */
  #linkedTo({ nlink, dev, ino }: BigIntStats, member: Name): Name | undefined {
    if (nlink < 2n) return undefined
    const key = `${dev}:${ino}`
    const known = this.#linked.get(key)
    if (known !== undefined) {
      if (--known.left === 0n) this.#linked.delete(key)
      return known.name
    }
    if (this.#linked.size < MOST_LINKED) this.#linked.set(key, { name: member, left: nlink - 1n })
    else this.remarks.unlink()
    return undefined
  }

  #attempt<T>(location: Location, act: () => T): T | undefined {
    try {
      return act()
    } catch (error) {
      this.remarks.fail(error, location.path)
      return undefined
    }
  }
}

const NO_HOME = { home: undefined, configHome: undefined }

/** Returns true for a file that says it is empty and is not: the kernel makes it up while it is read. */
function madeUp(fd: number): boolean {
  try {
    return readSync(fd, PROBE, 0, 1, 0) > 0
  } catch {
    return true
  }
}
const PROBE = Buffer.alloc(1)

/** Paths that are named at most. */
const NAMED = 10
/** Characters of a path that are kept: ten of them, escaped, stay below the 16 KiB that clients take of trailers. */
const NAME_LENGTH = 200

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'vanished',
  ENOTDIR: 'vanished',
  ELOOP: 'vanished', // a link has taken the file's place
  ENXIO: 'socket', // a socket had its name when it was opened
  ENAMETOOLONG: 'path_too_long',
}

class SkippedEntries {
  #unlinked = 0
  readonly #skipped: Record<string, number> = {}
  readonly #first: [reason: string, path: string][] = []

  skip(reason: string, path: string): void {
    this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1
    if (this.#first.length < NAMED) this.#first.push([reason, path.slice(0, NAME_LENGTH)])
  }

  /** Skips what a system call failed on; throws an error that is no failure of the system. */
  fail(error: unknown, path: string): void {
    const code = errnoOf(error)
    if (code === undefined) throw error
    this.skip(REASONS[code] ?? 'unreadable', path)
  }

  /** Counts a hard link that went in as a file. */
  unlink(): void {
    this.#unlinked++
  }

  get all(): PackRemarks {
    return { skipped: this.#skipped, first: this.#first, unlinked: this.#unlinked }
  }
}

/** Returns undefined for a root that is gone. Throws what `faultOfSystem` makes of any other error. */
function statsOfRoot(where: string | Buffer, path: string): BigIntStats | undefined {
  try {
    return lstatSync(where, { bigint: true })
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw faultOfSystem(error, path)
  }
}
