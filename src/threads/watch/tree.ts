// The tree as the watcher knows it: every directory with its watch descriptor, and the names in it. Clients were told
// the same, so the differences to the disk can be told after events were lost. A name here is a string: the text if the
// bytes are UTF-8, otherwise NUL and one character for each byte (no name contains NUL). Paths are such names joined by
// slashes, so every path leads back to its exact bytes.

import type { RuledDirectory } from '../walk/ignore-rules.ts'
import type { Item, Location } from '../walk/directory.ts'

/** A directory below the watched root, or the root itself. */
export class Directory implements RuledDirectory {
  readonly name: string
  readonly parent: Directory | undefined
  /** True if directories in this one are treated as files. */
  readonly flat: boolean
  /** Watch descriptor; -1: not watched (the directory has gone, is unreadable, or the system's limit is reached). */
  wd = -1
  /** Number that distinguishes the directory from another that took its name. */
  inode = 0
  #directories: Map<string, Directory> | undefined
  /** Names of other entries: a set, or one string joined by slashes while the directory does not change. */
  #files: Set<string> | string | undefined

  /** `name`: the path for the root, the entry's name for a directory below. */
  constructor(name: string, parent?: Directory, flat = false) {
    this.name = name
    this.parent = parent
    this.flat = flat
  }

  get path(): string {
    if (this.parent === undefined) return this.name
    return this.parent.pathOf(this.name)
  }

  pathOf(name: string): string {
    const { path } = this
    return path === '/' ? `/${name}` : `${path}/${name}`
  }

  /** Names from the root down to the directory, as text. */
  get segments(): readonly string[] {
    return this.parent === undefined ? [] : [...this.parent.segments, textOfName(this.name)]
  }

  has(name: string): boolean {
    return this.#directories?.has(name) === true || this.#unpacked().has(name)
  }

  /** Returns the directory of that name; undefined if there is none. */
  directory(name: string): Directory | undefined {
    return this.#directories?.get(name)
  }

  /** True if the entry at the path of `names` is known. */
  holds(names: readonly string[]): boolean {
    const [name = '', ...rest] = names
    return rest.length === 0 ? this.has(name) : this.directory(name)?.holds(rest) === true
  }

  /** Adds an entry in place of any other of its name; returns it if it is a directory. */
  add(name: string, directory: boolean): Directory | undefined {
    this.delete(name)
    if (!directory || this.flat) {
      this.#unpacked().add(name)
      return undefined
    }
    const entry = new Directory(name, this)
    this.#directories ??= new Map()
    this.#directories.set(name, entry)
    return entry
  }

  delete(name: string): void {
    if (this.#directories?.delete(name) !== true) this.#unpacked().delete(name)
  }

  clear(): void {
    this.#directories = undefined
    this.#files = undefined
  }

  names(): string[] {
    return [...(this.#directories?.keys() ?? []), ...this.#unpacked()]
  }

  /** Holds the names in little memory until they are needed: most directories of a large tree never change. */
  pack(): void {
    if (typeof this.#files === 'object') this.#files = this.#files.size === 0 ? undefined : [...this.#files].join('/')
  }

  #unpacked(): Set<string> {
    if (typeof this.#files !== 'object') this.#files = new Set(this.#files?.split('/'))
    return this.#files
  }

  /** Yields this directory and all known ones below it. */
  *all(): Generator<Directory> {
    const waiting: Directory[] = [this]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield next
      for (const entry of next.#directories?.values() ?? []) waiting.push(entry)
    }
  }
}

/** Prefix of a name that is not UTF-8. */
const MARK = '\0'

/** Returns the name of a directory's entry. */
export function nameOfItem({ name, raw }: Item): string {
  return raw === undefined ? name : MARK + raw.toString('latin1')
}

/** Returns the name in `bytes` from `start` to `end`. */
export function nameOfBytes(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end)
  if (!text.includes('\uFFFD')) return text
  const raw = bytes.subarray(start, end)
  return Buffer.from(text).equals(raw) ? text : MARK + raw.toString('latin1')
}

/** Returns the path as system calls take it. */
export function locate(path: string): Location {
  if (!path.includes(MARK)) return { path, raw: undefined }
  const segments = path.split('/').map(bytesOfName)
  const raw = Buffer.concat(segments.flatMap((segment, index) => (index === 0 ? [segment] : [SLASH, segment])))
  return { path: raw.toString('utf8'), raw }
}

/** Returns the name as clients see it, with U+FFFD for bytes that are not UTF-8. */
export function textOfName(name: string): string {
  return name.startsWith(MARK) ? bytesOfName(name).toString('utf8') : name
}

const SLASH = Buffer.from('/')

function bytesOfName(name: string): Buffer {
  return name.startsWith(MARK) ? Buffer.from(name.slice(1), 'latin1') : Buffer.from(name)
}
