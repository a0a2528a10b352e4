// Copies a file, a link or a whole tree to a name that nothing has yet (F-19): links as links, hard links among the
// copied files as hard links, permissions and times of everything. FIFOs, sockets and devices are left out and counted,
// and so is what the kernel shows as files (/proc and its kin) below a tree that holds it.

import { constants, type BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { bytesOfText } from '../../../base/bytes-text.ts'
import { errnoOf, Fault, faultOfSystem, quote } from '../../../base/fault.ts'
import { lchown, link, lstat, lutimes, mkdir, open, readlink, symlink } from '../../../base/path-calls.ts'
import { setLinkTimesElsewhere, setPathTimes } from '../../../native/files.ts'
import { pseudoDevices, onlyLocal } from '../mounts/remote-mounts.ts'
import { lookAt, type HeldEntry } from '../opening/held-directory.ts'
import { copyOpenFile, dress, type CopyManner } from './file-copy.ts'
import { parentFacts, refuseUnremovable, removalFacts, type ParentFacts, type RemovalFacts } from './removability.ts'
import { openStack, type DirectoryStack, walkTree, type TreeVisitor } from './tree-walk.ts'

export interface CopyTally {
  files: number
  directories: number
  links: number
  bytes: number
  /** FIFOs, sockets, devices, and directories of pseudo file systems. */
  skipped: number
}

/** Files copied side by side. */
const SIDE_BY_SIDE = 8

/** Files with several names that are remembered; of further ones each name becomes a file. */
const MOST_SHARED = 50_000
/** Bytes of a path that link(2) takes; in deeper places a further name becomes a file. */
const MOST_PATH = 4000

const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

/** Errors that are about where the copy goes, not where it comes from. */
const OF_TARGET = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EFBIG'])

/**
 * Copies `from` to `to`; resolves with what was copied. If it fails, its work at `to` stays: the caller removes it.
 * Throws `bad_request`, `forbidden`, or the fault of a system call that names the path.
 */
export async function copyTree(from: HeldEntry, to: HeldEntry, manner: CopyManner): Promise<CopyTally> {
  const copy = new Copy(from, to, manner)
  const stats = await lookAt(from)
  if (stats?.isDirectory() === true) await copy.tree()
  else await copy.one(from.way, to.way, '')
  return copy.tally
}

class Copy {
  readonly tally: CopyTally = { files: 0, directories: 0, links: 0, bytes: 0, skipped: 0 }
  readonly #from: HeldEntry
  readonly #to: HeldEntry
  readonly #manner: CopyManner
  /** Directories that a move removes entries from, the deepest last. */
  readonly #parents: ParentFacts[] = []
  /** The copy of the first name of each file with several names, by device and inode. */
  readonly #shared = new Map<string, Promise<string | undefined>>()

  constructor(from: HeldEntry, to: HeldEntry, manner: CopyManner) {
    this.#from = from
    this.#to = to
    this.#manner = manner
  }

  async tree(): Promise<void> {
    await using source = await openStack(this.#from.way)
    await mkdir(this.#to.way, 0o700)
    await using target = await openStack(this.#to.way)
    await this.#goInto(source, '')
    await walkTree(source, this.#visitor(source, target, await pseudoDevices()), this.#manner.signal)
  }

  #visitor(source: DirectoryStack, target: DirectoryStack, pseudo: ReadonlySet<number>): TreeVisitor {
    const { dev, ino } = target
    const way: string[] = []
    return {
      entries: async (names) => {
        for (let at = 0; at < names.length; at += SIDE_BY_SIDE) {
          const some = names.slice(at, at + SIDE_BY_SIDE)
          const below = way.map((name) => `${name}/`).join('')
          const work = some.map((name) => this.one(source.entry(name), target.entry(name), `${below}${String(name)}`))
          const failed = (await Promise.allSettled(work)).find((outcome) => outcome.status === 'rejected')
          if (failed !== undefined) throw failed.reason
        }
      },
      enter: async (name) => {
        if (source.dev === dev && source.ino === ino) throw intoItself(this.#from.real, this.#manner.to)
        if (pseudo.has(source.dev)) {
          this.tally.skipped++
          return false
        }
        way.push(String(name))
        await this.#goInto(source, way.join('/'))
        await mkdir(target.entry(name), 0o700)
        await target.down(name)
        return true
      },
      leave: async () => {
        const stats = await source.handle.stat({ bigint: true })
        await dress(source.handle, stats, target.handle, this.#manner.whole)
        this.tally.directories++
        this.#parents.pop()
        if (way.pop() !== undefined) await target.up()
      },
    }
  }

  /** Begins a directory whose entries come next. In a move, one that could not be removed is refused. */
  async #goInto(source: DirectoryStack, below: string): Promise<void> {
    if (!this.#manner.whole) return
    const facts = await parentFacts(String(source.entry('.')))
    this.#refuseUnremovable(facts, below)
    this.#parents.push(facts)
  }

  #refuseUnremovable(entry: RemovalFacts, below: string): void {
    const from = this.#parents.at(-1)
    if (from !== undefined) refuseUnremovable(from, entry, this.#source(below))
  }

  #source(below: string): string {
    return below === '' ? this.#from.real : `${this.#from.real}/${below}`
  }

  /** Copies an entry that is not a directory. `below` names it in sentences. */
  async one(from: Buffer | string, to: Buffer | string, below: string): Promise<void> {
    this.#manner.signal.throwIfAborted()
    try {
      const stats = await lstat(from, { bigint: true })
      if (this.#manner.whole) this.#refuseUnremovable(removalFacts(from, stats), below)
      if (stats.isSymbolicLink()) await this.#link(from, stats, to)
      else if (stats.isFile()) await this.#file(from, to, below)
      else this.tally.skipped++
    } catch (error) {
      if (below !== '' && errnoOf(error) === 'ENOENT') return // another process has removed it meanwhile
      throw faultOfSystem(error, this.#named(error, below))
    }
  }

  #named(error: unknown, below: string): string {
    return OF_TARGET.has(errnoOf(error) ?? '') ? this.#manner.to : this.#source(below)
  }

  async #link(from: Buffer | string, stats: BigIntStats, to: Buffer | string): Promise<void> {
    await symlink(await readlink(from), to)
    if (this.#manner.whole && process.geteuid?.() === 0) await lchown(to, Number(stats.uid), Number(stats.gid))
    await keepLinkTimes(to, stats)
    this.tally.links++
  }

  async #file(from: Buffer | string, to: Buffer | string, below: string): Promise<void> {
    // No link is followed and no FIFO waited for, should one have taken the file's place.
    await using source = await open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    const stats = await source.stat({ bigint: true })
    if (!stats.isFile()) {
      this.tally.skipped++
      return
    }
    if (stats.nlink > 1n && below !== '') await this.#sharedFile(source, stats, to, below)
    else await this.#content(source, stats, to)
    this.tally.files++
  }

  async #content(source: FileHandle, stats: BigIntStats, to: Buffer | string): Promise<void> {
    const bytes = await copyOpenFile(source, stats, to, this.#manner)
    this.tally.bytes += bytes // several files are copied at a time: the sum is read after the wait
  }

  /** The first name of a file gets its content; the others become further names of that copy. */
  async #sharedFile(source: FileHandle, stats: BigIntStats, to: Buffer | string, below: string): Promise<void> {
    const key = `${stats.dev}:${stats.ino}`
    const first = await this.#shared.get(key)
    if (first !== undefined) return await link(first, to)
    const path = `${this.#to.way}/${below}`
    const content = this.#content(source, stats, to)
    const usable = Buffer.byteLength(path) < MOST_PATH && !path.includes('\ufffd') && this.#shared.size < MOST_SHARED
    if (usable && !this.#shared.has(key)) {
      const done = content.then(
        () => path,
        () => undefined,
      )
      this.#shared.set(key, done)
    }
    await content
  }
}

/** Sets the times of a link, to the nanosecond if the kernel can. */
async function keepLinkTimes(link: Buffer | string, stats: BigIntStats): Promise<void> {
  const path = typeof link === 'string' ? bytesOfText(link) : link
  if (onlyLocal()) return setPathTimes(path, stats, false)
  if (await setLinkTimesElsewhere(path, stats)) return
  await lutimes(link, Number(stats.atimeNs) / 1e9, Number(stats.mtimeNs) / 1e9) // its error says what is wrong
}

export function intoItself(from: string, to: string): Fault {
  return new Fault(
    'bad_request',
    `to is ${quote(to)}, which is inside ${quote(from)}; accepted is a path outside of it`,
    {
      details: { field: 'to', got: to },
    },
  )
}
