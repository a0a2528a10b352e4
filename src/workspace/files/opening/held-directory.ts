// A directory that is opened once and stays that one, even if its path leads elsewhere later: a call changes the very
// thing that it has looked at. The kernel follows the links of the path in the one call that opens it, then tells where
// it got to (/proc/self/fd/<n>), so nothing lies between resolving and opening. Entries are reached through the
// descriptor. On 2 cores this takes 10 µs on the main thread. A trip to Node's file threads takes 35 µs; realpath(3)
// with openat2(2) and RESOLVE_NO_SYMLINKS takes 7 µs and leaves a gap; /proc/self/fd adds 2 µs to a call, and the *at
// calls would spare those but give Node no file handle. Without /proc, entries are reached by the resolved path.

import { close, closeSync, constants, fstat, fstatSync, fsync, type BigIntStats, type Stats } from 'node:fs'
import { basename, dirname } from 'node:path'
import { promisify } from 'node:util'
import { errnoOf, Fault } from '../../../base/fault.ts'
import { O_PATH, pathOfOpened } from '../../../base/opened-path.ts'
import { lstat, lstatSync, openElsewhere, openSync, readlinkSync, realpath } from '../../../base/path-calls.ts'
import { remoteCall } from '../mounts/remote-calls.ts'
import { onlyLocal } from '../mounts/remote-mounts.ts'
import { EVERYTHING, type Access, type Reach } from './access.ts'

const { O_DIRECTORY, O_NONBLOCK, O_RDONLY } = constants

const syncElsewhere = promisify(fsync)
const statOpen = promisify(fstat)

/** Errors of file systems and permissions that do not let a directory be synced: such a directory is left alone. */
const NOT_SYNCED = new Set(['EINVAL', 'ENOTSUP', 'EROFS'])

/** A name in a held directory. What stands there may change; the place does not. */
export interface HeldEntry {
  readonly directory: HeldDirectory
  /** Name; empty if the entry is the directory itself, which is the root. */
  readonly name: string
  /** Path without links on the way: for sentences, for comparing, for the journal. */
  readonly real: string
  /** The path by which it is reached now. */
  readonly way: string
}

interface Opened {
  readonly fd: number
  /** False: the directory may be entered and not read. */
  readonly readable: boolean
  /** True on a local file system: no call on it waits for another machine or program. */
  readonly local: boolean
}

export class HeldDirectory implements Disposable {
  /** Running calls that go through the descriptor; the callers of some may have left. */
  #calls = 0
  #released = false
  /** Path without links, at the time it was opened. */
  readonly real: string
  readonly #opened: Opened
  readonly #way: string

  constructor(opened: Opened, real: string, way: string) {
    this.#opened = opened
    this.real = real
    this.#way = way
  }

  get fd(): number {
    return this.#opened.fd
  }

  /** False: the directory may be entered and not read. */
  get readable(): boolean {
    return this.#opened.readable
  }

  /** Returns the path by which `below`, a path from here, is reached. */
  way(below: string): string {
    return `${this.#way}/${below}`
  }

  entry(name: string): HeldEntry {
    const real = this.real === '/' ? `/${name}` : name === '' ? this.real : `${this.real}/${name}`
    return { directory: this, name, real, way: this.way(name) }
  }

  /** Makes the names in it durable. Resolves without that where the file system or its permissions do not allow it. */
  async sync(): Promise<void> {
    if (!this.readable) return
    try {
      await this.call(this.real, () => syncElsewhere(this.fd))
    } catch (error) {
      if (!NOT_SYNCED.has(errnoOf(error) ?? '')) throw error
    }
  }

  /**
   * Makes a `remoteCall` that goes through the descriptor, which stays open until the call is back: under its number
   * another directory could be open by then.
   */
  async call<T>(real: string, call: () => Promise<T>, late?: (value: T) => void): Promise<T> {
    const held = async (): Promise<T> => {
      this.#calls++
      try {
        return await call()
      } finally {
        if (--this.#calls === 0 && this.#released) this.#close()
      }
    }
    return await remoteCall(real, held, late)
  }

  [Symbol.dispose](): void {
    this.#released = true
    if (this.#calls === 0) this.#close()
  }

  #close(): void {
    if (this.#opened.local) closeSync(this.fd)
    else close(this.fd, () => {}) // its error says nothing: nothing was written through it
  }
}

/**
 * Opens the directory at `path`, following links unless `more` has O_NOFOLLOW. Throws the system's error. Usage: `using
 * held = await holdDirectory(path)`.
 */
export async function holdDirectory(path: string, more = 0): Promise<HeldDirectory> {
  const opened = onlyLocal() ? openHere(path, more) : await remoteCall(path, () => openThere(path, more), closeLate)
  try {
    const own = pathOfOpened(opened.fd)
    const real = ownPath(own)
    if (real !== undefined) return new HeldDirectory(opened, real, own)
    const resolved = await remoteCall(path, () => realpath(path))
    return new HeldDirectory(opened, resolved, resolved === '/' ? '' : resolved)
  } catch (error) {
    close(opened.fd, () => {})
    throw error
  }
}

const closeLate = ({ fd }: Opened): void => close(fd, () => {})

/**
 * Resolves with the entry that `path` names, held by its parent. A link at the entry is not followed. Throws
 * `forbidden` if it is withheld from the asker, else the system's error.
 */
export async function holdEntry(path: string, asker: Asker = EVERYBODY): Promise<HeldEntry & Disposable> {
  await foresee(path, asker)
  const directory = await holdDirectory(dirname(path))
  const entry = directory.entry(basename(path))
  try {
    await judge(entry, asker)
  } catch (error) {
    directory[Symbol.dispose]()
    throw error
  }
  return { ...entry, [Symbol.dispose]: () => directory[Symbol.dispose]() }
}

/** The call on whose behalf something is opened: its access, and the path that it named. */
export interface Asker {
  readonly access: Access
  /** Path that the call named; if absent, the path that is being opened. */
  readonly path?: string
  /** Reach of the change below the entry; not given: the tree. */
  readonly reach?: Reach
}

export const EVERYBODY: Asker = { access: EVERYTHING }

/**
 * Throws `forbidden` for what is withheld from this call, before a word is said on what stands there; `keepLink`: a
 * last link is judged itself.
 */
export async function foresee(path: string, { access }: Asker, keepLink = true): Promise<void> {
  if (access.everything) return
  try {
    await using _ = await access.open(path, keepLink)
  } catch (error) {
    if (error instanceof Fault) throw error // the call itself meets the system's error, and tells it
  }
}

/** Throws `forbidden` for a held entry that is withheld: the one place where calls that change something are judged. */
export async function judge(entry: HeldEntry, { access, path = entry.real, reach }: Asker): Promise<void> {
  if (access.everything) return
  if (entry.name === '') await access.judge(entry.directory.fd, path, reach)
  else await access.judgeEntry(entry.directory.fd, entry.name, path, reach)
}

/** Resolves with the facts of what stands at the name, a link itself; undefined: nothing does. */
export async function lookAt(entry: HeldEntry): Promise<Stats | undefined> {
  try {
    return onlyLocal() ? lstatSync(entry.way) : await entry.directory.call(entry.real, () => lstat(entry.way))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Resolves with the same facts, to the nanosecond and with exact numbers. */
export async function lookExactlyAt(entry: HeldEntry): Promise<BigIntStats | undefined> {
  const options = { bigint: true } as const
  try {
    return onlyLocal()
      ? lstatSync(entry.way, options)
      : await entry.directory.call(entry.real, () => lstat(entry.way, options))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The thing at a name, opened without its content: a link is that link, a FIFO or device is not woken. */
interface Pinned extends Disposable {
  readonly stats: Stats
  /** The path by which this very thing is reached. */
  readonly way: string
}

/** Pins what stands at a name. Throws the system's error, ENOENT if nothing does. */
export async function pin(entry: HeldEntry): Promise<Pinned> {
  const local = onlyLocal()
  const fd = local
    ? openSync(entry.way, PIN)
    : await entry.directory.call(
        entry.real,
        () => openElsewhere(entry.way, PIN),
        (late) => close(late, () => {}),
      )
  try {
    const stats = local ? fstatSync(fd) : await remoteCall(entry.real, () => statOpen(fd))
    const way = entry.way.startsWith(pathOfOpened(entry.directory.fd)) ? pathOfOpened(fd) : entry.way
    return { stats, way, [Symbol.dispose]: () => closeSync(fd) }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

const PIN = O_PATH | constants.O_NOFOLLOW

const FLAGS = O_DIRECTORY | O_NONBLOCK

/** Opens on the main thread: a local file system keeps it waiting for no other machine. */
function openHere(path: string, more: number): Opened {
  try {
    return { fd: openSync(path, O_RDONLY | FLAGS | more), readable: true, local: true }
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error
    return { fd: openSync(path, O_PATH | FLAGS | more), readable: false, local: true }
  }
}

async function openThere(path: string, more: number): Promise<Opened> {
  try {
    return { fd: await openElsewhere(path, O_RDONLY | FLAGS | more), readable: true, local: false }
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error
    return { fd: await openElsewhere(path, O_PATH | FLAGS | more), readable: false, local: false }
  }
}

/** Returns the path of an open directory as the kernel has it; undefined without /proc. No file system is asked. */
function ownPath(own: string): string | undefined {
  try {
    return readlinkSync(own)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
