// Copies a file, a link or a whole tree to a name that nobody has yet (reliability F-19): links as links, hard
// links among what is copied as hard links, permissions and times of everything. FIFOs, sockets and devices are
// left out and counted, and so is what the kernel shows as files (/proc and its kin) below a tree that holds it.

import { constants, type Stats } from 'node:fs'
import { link, lchown, lstat, lutimes, mkdir, open, readlink, symlink, type FileHandle } from 'node:fs/promises'
import { errnoOf, Fault, faultOfSystem, quote } from '../../base/fault.ts'
import { pseudoDevices } from './pseudo-devices.ts'
import { openStack, type DirectoryStack } from './directory-stack.ts'
import { copyOpenFile, dress, type CopyManner } from './file-copy.ts'
import { walkTree, type TreeVisitor } from './tree-walk.ts'

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

/** Files with several names that are remembered; those beyond become files of their own. */
const MOST_SHARED = 50_000
/** Names that link(2) takes; in deeper places a further name becomes a file of its own. */
const MOST_PATH = 4000

const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

/** Errors that are about where the copy goes, not where it comes from. */
const OF_TARGET = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EFBIG'])

/** What is made at `to` when this fails stays: the caller removes it. */
export async function copyTree(from: string, to: string, manner: CopyManner): Promise<CopyTally> {
  const copy = new Copy(from, to, manner)
  const stats = await lstat(from)
  if (stats.isDirectory()) await copy.tree()
  else await copy.one(from, to, '')
  return copy.tally
}

class Copy {
  readonly tally: CopyTally = { files: 0, directories: 0, links: 0, bytes: 0, skipped: 0 }
  readonly #from: string
  readonly #to: string
  readonly #manner: CopyManner
  /** Of files with several names: the first one's copy, by device and inode. */
  readonly #shared = new Map<string, Promise<string | undefined>>()

  constructor(from: string, to: string, manner: CopyManner) {
    this.#from = from
    this.#to = to
    this.#manner = manner
  }

  async tree(): Promise<void> {
    await mkdir(this.#to, 0o700)
    await using source = await openStack(this.#from)
    await using target = await openStack(this.#to)
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
        if (source.dev === dev && source.ino === ino) throw intoItself(this.#from, this.#to)
        if (pseudo.has(source.dev)) {
          this.tally.skipped++
          return false
        }
        way.push(String(name))
        await mkdir(target.entry(name), 0o700)
        await target.down(name)
        return true
      },
      leave: async () => {
        await dress(source.handle, await source.handle.stat(), target.handle, this.#manner.whole)
        this.tally.directories++
        if (way.pop() !== undefined) await target.up()
      },
    }
  }

  /** An entry that is no directory. `below` names it in sentences. */
  async one(from: Buffer | string, to: Buffer | string, below: string): Promise<void> {
    this.#manner.signal.throwIfAborted()
    try {
      const stats = await lstat(from)
      if (stats.isSymbolicLink()) await this.#link(from, stats, to)
      else if (stats.isFile()) await this.#file(from, to, below)
      else this.tally.skipped++
    } catch (error) {
      if (below !== '' && errnoOf(error) === 'ENOENT') return // it has gone meanwhile
      throw faultOfSystem(error, this.#named(error, below))
    }
  }

  #named(error: unknown, below: string): string {
    if (OF_TARGET.has(errnoOf(error) ?? '')) return this.#to
    return below === '' ? this.#from : `${this.#from}/${below}`
  }

  async #link(from: Buffer | string, stats: Stats, to: Buffer | string): Promise<void> {
    await symlink(await readlink(from, { encoding: 'buffer' }), to)
    if (this.#manner.whole && process.geteuid?.() === 0) await lchown(to, stats.uid, stats.gid)
    await lutimes(to, stats.atimeMs / 1000, stats.mtimeMs / 1000)
    this.tally.links++
  }

  async #file(from: Buffer | string, to: Buffer | string, below: string): Promise<void> {
    // Not followed and not waited for, should something else have taken the file's place.
    await using source = await open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    const stats = await source.stat()
    if (!stats.isFile()) {
      this.tally.skipped++
      return
    }
    if (stats.nlink > 1 && below !== '') await this.#sharedFile(source, stats, to, below)
    else await this.#content(source, stats, to)
    this.tally.files++
  }

  async #content(source: FileHandle, stats: Stats, to: Buffer | string): Promise<void> {
    this.tally.bytes += await copyOpenFile(source, stats, to, this.#manner)
  }

  /** The first name of a file gets its content, the others become further names of that copy. */
  async #sharedFile(source: FileHandle, stats: Stats, to: Buffer | string, below: string): Promise<void> {
    const key = `${stats.dev}:${stats.ino}`
    const first = await this.#shared.get(key)
    if (first !== undefined) return await link(first, to)
    const path = `${this.#to}/${below}`
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

export function intoItself(from: string, to: string): Fault {
  return new Fault(
    'bad_request',
    `to is ${quote(to)}, which is inside ${quote(from)}; accepted is a path outside of it`,
    {
      details: { field: 'to', got: to },
    },
  )
}
