// The tree below the destination, walked one name at a time from a directory that stays open: each step opens
// `/proc/self/fd/<n>/<name>` without following links, so a parent that is swapped by a rename meanwhile leads
// nowhere else (F-15). Links are followed by us, and only as far as they stay below the
// destination (protocol.md#archives). Names and paths are byte strings.

import { closeSync, constants, fstatSync, mkdirSync, openSync, readlinkSync } from 'node:fs'
import { errnoOf } from '../../base/fault.ts'
import { MOST_LINKS, O_PATH, pathOfOpened } from '../../base/opened-path.ts'
import { settleMade } from './unpack-dest.ts'
import { memberFault } from './unpack-header.ts'
import { linkTarget, readable } from './unpack-names.ts'

/** Directories of one way that are kept open; a way may have 1,024. */
const KEPT_OPEN = 64

const STEP = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** Permissions of a directory that no member describes (protocol.md#archives). */
const DIRECTORY_MODE = 0o755

/** The path of `name` in the directory open as `fd`. */
export function at(fd: number, name: string): Buffer {
  return Buffer.from(`${pathOfOpened(fd)}/${name}`, 'latin1')
}

export interface PinnedTreeHooks {
  /** A directory was made and is open as `fd`: its parts, physically. */
  made(parts: readonly string[], fd: number): void
  /** A directory of another file system was entered. */
  crossed(device: number, fd: number): void
  /** Refuses a path that is withheld, or what is open as `fd` there. */
  judge(path: string, fd?: number): void
  /** Refuses a path that is withheld or that the way to something withheld leads through: it would be replaced. */
  judgePlace(path: string): void
}

/** What one name turned out to be. */
type Step = 'directory' | 'nothing' | { readonly link: string }

interface PinnedLevel {
  readonly name: string
  /** -1: closed to stay within KEPT_OPEN. */
  fd: number
  readonly device: number
}

export class PinnedTree implements Disposable {
  /** Where it lies, after all links; "/" for the root. */
  readonly path: string
  readonly #root: PinnedLevel
  readonly #hooks: PinnedTreeHooks
  #way: PinnedLevel[] = []

  /** `fd`: the destination, open; closed with the ground. */
  constructor(fd: number, hooks: PinnedTreeHooks) {
    this.#root = { name: '', fd, device: fstatSync(fd).dev }
    this.path = readlinkSync(pathOfOpened(fd), 'latin1')
    this.#hooks = hooks
    hooks.crossed(this.#root.device, fd)
  }

  /** The parts below the destination where the last way ended: no links among them. */
  get place(): readonly string[] {
    return this.#way.map(({ name }) => name)
  }

  /** The absolute path of `name` where the last way ended. */
  pathOf(name: string): string {
    const below = [...this.place, name].join('/')
    return this.path === '/' ? `/${below}` : `${this.path}/${below}`
  }

  /** Refuses `name` where the last way ended, if it is withheld. */
  judge(name: string): void {
    this.#hooks.judge(this.pathOf(name))
  }

  /** Refuses to put a file or a link at `name` where the last way ended, if what is withheld goes with it. */
  judgePlace(name: string): void {
    this.#hooks.judgePlace(this.pathOf(name))
  }

  /** Goes to a directory, making what is missing; its descriptor is good until the next way. */
  enter(parts: readonly string[], mode?: number): number {
    const same = this.#shared(parts)
    this.#back(same)
    this.#walk(parts.slice(same), { make: mode ?? DIRECTORY_MODE })
    return this.#here()
  }

  /** Goes to an existing directory; undefined where there is none. */
  find(parts: readonly string[]): number | undefined {
    const same = this.#shared(parts)
    this.#back(same)
    return this.#walk(parts.slice(same), {}) ? this.#here() : undefined
  }

  /**
   * Refuses a link's target that leads out of the destination from the directory at `from` (physical parts), or
   * that could once a later member gives a name in it another meaning: ".." only counts behind directories.
   */
  checkTarget(target: string, from: readonly string[]): void {
    const { absolute, parts } = linkTarget(target)
    this.#back(this.#shared(absolute ? [] : from))
    if (!absolute) this.#walk(from.slice(this.#way.length), {})
    this.#walk(absolute ? this.#fromRoot(parts) : parts, { wary: true })
  }

  /** How many levels of the present way lead along `parts`. */
  #shared(parts: readonly string[]): number {
    let same = 0
    while (same < parts.length && same < this.#way.length && this.#way[same]?.name === parts[same]) same++
    return same
  }

  #back(levels: number): void {
    for (const { fd } of this.#way.splice(levels)) if (fd !== -1) closeSync(fd)
  }

  /** The directory where the way has come to, opened again where it was closed meanwhile. */
  #here(): number {
    const last = this.#way.at(-1) ?? this.#root
    if (last.fd !== -1) return last.fd
    const parts = this.place
    this.#back(0)
    for (const name of parts) this.#push(name, openSync(at(this.#here(), name), STEP))
    return this.#here()
  }

  #push(name: string, fd: number): void {
    const { device } = this.#way.at(-1) ?? this.#root
    const { dev } = fstatSync(fd)
    this.#way.push({ name, fd, device: dev }) // closed with the way, also where it is refused
    this.#hooks.judge(this.path, fd)
    if (dev !== device) this.#hooks.crossed(dev, fd)
    const old = this.#way.at(-1 - KEPT_OPEN)
    if (old !== undefined && old.fd !== -1) {
      closeSync(old.fd)
      old.fd = -1
    }
  }

  /** False where it ends at something missing, or that is no directory (only where nothing is made). */
  #walk(parts: readonly string[], how: { make?: number; wary?: boolean }): boolean {
    const todo = parts.toReversed()
    let links = 0
    let through = ''
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part === '..') {
        if (this.#way.length === 0 && this.path !== '/') throw memberFault(`leads out of dest${through}`)
        this.#back(Math.max(0, this.#way.length - 1))
        continue
      }
      const found = this.#step(part, how.make, todo.length === 0)
      if (found === 'directory') continue
      if (how.wary === true && todo.includes('..')) {
        throw memberFault(`leads back by ".." from ${JSON.stringify(readable(part))}, which is no directory of its own`)
      }
      if (found === 'nothing') return false
      if (++links > MOST_LINKS) throw memberFault('leads through a loop of symbolic links')
      through = ` through the link ${JSON.stringify(readable(this.pathOf(part)))}`
      todo.push(...this.#follow(part, found.link).toReversed())
    }
    return true
  }

  /** One name further. A link is not followed here. */
  #step(name: string, make: number | undefined, last: boolean): Step {
    const path = at(this.#here(), name)
    this.judge(name)
    try {
      this.#push(name, openSync(path, STEP))
      return 'directory'
    } catch (error) {
      const code = errnoOf(error)
      if (code === 'ENOTDIR' || code === 'ELOOP') return this.#notDirectory(path, name, make !== undefined)
      // A link may say any text of up to 4095 bytes; no entry can have so long a name, so it leads nowhere.
      if (code === 'ENAMETOOLONG' && make === undefined) return 'nothing'
      if (code !== 'ENOENT') throw error
      if (make === undefined) return 'nothing'
    }
    return this.#make(path, name, last ? make : DIRECTORY_MODE)
  }

  #notDirectory(path: Buffer, name: string, needed: boolean): 'nothing' | { link: string } {
    try {
      return { link: readlinkSync(path, 'latin1') }
    } catch (error) {
      if (errnoOf(error) !== 'EINVAL') throw error
      if (!needed) return 'nothing'
      const shown = JSON.stringify(readable(this.pathOf(name)))
      throw memberFault(`needs ${shown} to be a directory, and that is a file`, 'conflict')
    }
  }

  #make(path: Buffer, name: string, mode: number): Step {
    // The owner may enter until all is there; the rest of the permissions comes at the end.
    const making = { mode: mode | 0o700, began: Date.now() }
    try {
      mkdirSync(path, making.mode)
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return this.#step(name, undefined, false) // somebody was quicker (F-13)
      throw error
    }
    this.#push(name, openSync(path, STEP))
    const fd = this.#here()
    settleMade(fd, making) // the umask took some
    this.#hooks.made(this.place, fd)
    return 'directory'
  }

  /** What is to be walked in the place of a link; goes back to the destination where it is absolute. */
  #follow(name: string, target: string): readonly string[] {
    const { absolute, parts } = linkTarget(target)
    if (!absolute) return parts
    try {
      const below = this.#fromRoot(parts)
      this.#back(0)
      return below
    } catch {
      throw memberFault(`leads out of dest through the link ${JSON.stringify(readable(this.pathOf(name)))}`)
    }
  }

  /** The parts of an absolute target below the destination. */
  #fromRoot(parts: readonly string[]): readonly string[] {
    const root = this.path.split('/').filter((part) => part !== '')
    if (root.some((part, index) => part !== parts[index])) throw memberFault('leads out of dest')
    return parts.slice(root.length)
  }

  [Symbol.dispose](): void {
    this.#back(0)
    closeSync(this.#root.fd)
  }
}
