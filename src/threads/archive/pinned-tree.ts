// The tree below the destination of an upload, pinned by a directory that stays open and walked one name at a time:
// each step opens `/proc/self/fd/<n>/<name>` without following links, so a parent that is swapped by a rename meanwhile
// leads nowhere else (F-15). Links are followed by this code, and only as far as they stay below the destination
// (protocol.md#archives). A *way* is the chain of open directories from the destination to the place at hand. Names and
// paths are byte strings.

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

/** Returns a path of `name` in the directory open as `fd`. */
export function at(fd: number, name: string): Buffer {
  return Buffer.from(`${pathOfOpened(fd)}/${name}`, 'latin1')
}

interface PinnedTreeHooks {
  /**
   * Called when a directory was made, which is open as `fd`. `parts`: its names below the destination, no links among
   * them.
   */
  made(parts: readonly string[], fd: number): void
  /** Called when a directory of another file system was entered. */
  crossed(device: number, fd: number): void
  /** Throws for a path that is withheld, or for what is open as `fd` there. */
  judge(path: string, fd?: number): void
  /** Throws for a path that is withheld, or that leads to something withheld: it would be replaced. */
  judgePlace(path: string): void
}

/** The result of one step by name. */
type Step = 'directory' | 'nothing' | { readonly link: string }

interface PinnedLevel {
  readonly name: string
  /** -1: closed to stay within KEPT_OPEN. */
  fd: number
  readonly device: number
}

export class PinnedTree implements Disposable {
  /** The destination's path after all links; "/" for the root. */
  readonly path: string
  readonly #root: PinnedLevel
  readonly #hooks: PinnedTreeHooks
  #way: PinnedLevel[] = []

  /** `fd`: the destination, open; closed with the tree. */
  constructor(fd: number, hooks: PinnedTreeHooks) {
    this.#root = { name: '', fd, device: fstatSync(fd).dev }
    this.path = readlinkSync(pathOfOpened(fd), 'latin1')
    this.#hooks = hooks
    hooks.crossed(this.#root.device, fd)
  }

  /** The names below the destination where the last way ended: no links among them. */
  get place(): readonly string[] {
    return this.#way.map(({ name }) => name)
  }

  /** Returns the absolute path of `name` where the last way ended. */
  pathOf(name: string): string {
    const below = [...this.place, name].join('/')
    return this.path === '/' ? `/${below}` : `${this.path}/${below}`
  }

  /** Throws if `name`, where the last way ended, is withheld. */
  judge(name: string): void {
    this.#hooks.judge(this.pathOf(name))
  }

  /** Throws if a file or link at `name`, where the last way ended, would replace something withheld. */
  judgePlace(name: string): void {
    this.#hooks.judgePlace(this.pathOf(name))
  }

  /** Goes to a directory, making what is missing. Returns its descriptor, which is good until the next way. */
  enter(parts: readonly string[], mode?: number): number {
    const same = this.#shared(parts)
    this.#back(same)
    this.#walk(parts.slice(same), { make: mode ?? DIRECTORY_MODE })
    return this.#here()
  }

  /** Goes to an existing directory. Returns its descriptor; undefined: there is none. */
  find(parts: readonly string[]): number | undefined {
    const same = this.#shared(parts)
    this.#back(same)
    return this.#walk(parts.slice(same), {}) ? this.#here() : undefined
  }

  /**
   * Throws if a link's target leads out of the destination from the directory at `from` (no links among its names), or
   * could do so once a later member gives a name in it another meaning: ".." counts only behind directories.
   */
  checkTarget(target: string, from: readonly string[]): void {
    const { absolute, parts } = linkTarget(target)
    this.#back(this.#shared(absolute ? [] : from))
    if (!absolute) this.#walk(from.slice(this.#way.length), {})
    this.#walk(absolute ? this.#fromRoot(parts) : parts, { wary: true })
  }

  /** Returns how many levels of the present way lead along `parts`. */
  #shared(parts: readonly string[]): number {
    let same = 0
    while (same < parts.length && same < this.#way.length && this.#way[same]?.name === parts[same]) same++
    return same
  }

  #back(levels: number): void {
    for (const { fd } of this.#way.splice(levels)) if (fd !== -1) closeSync(fd)
  }

  /** Returns the directory where the way has come to, opened again if it was closed meanwhile. */
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
    this.#way.push({ name, fd, device: dev }) // it is closed with the way, also if it is refused
    this.#hooks.judge(this.path, fd)
    if (dev !== device) this.#hooks.crossed(dev, fd)
    const old = this.#way.at(-1 - KEPT_OPEN)
    if (old !== undefined && old.fd !== -1) {
      closeSync(old.fd)
      old.fd = -1
    }
  }

  /**
   * Returns false if the walk ends at something missing, or at something that is no directory (only if nothing is
   * made).
   */
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

  /** Goes one name further. A link is not followed here. */
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
      if (errnoOf(error) === 'EEXIST') return this.#step(name, undefined, false) // another process was quicker (F-13)
      throw error
    }
    this.#push(name, openSync(path, STEP))
    const fd = this.#here()
    settleMade(fd, making) // the umask took some of the permissions
    this.#hooks.made(this.place, fd)
    return 'directory'
  }

  /** Returns the names to be walked in the place of a link; goes back to the destination if its target is absolute. */
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

  /** Returns the names of an absolute target below the destination. Throws if it leads elsewhere. */
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
