// What the watcher knows of the tree: every directory with its watch descriptor, and the names in it. That is
// what clients have been told, so after a loss of events the difference to the disk can be told too.

import type { RuledDirectory } from '../walk/ignore-rules.ts'
import type { Item, Location } from '../walk/directory.ts'

/** A directory below the watched root, or the root itself. */
export class Directory implements RuledDirectory {
  readonly name: string
  readonly parent: Directory | undefined
  /** Directories in it are names like any other. */
  readonly flat: boolean
  /** -1: not watched (it has gone, it is closed to us, or the system's limit is reached). */
  wd = -1
  /** Tells it from another directory that took its name. */
  inode = 0
  #directories: Map<string, Directory> | undefined
  /** Names of what is no directory: a set, or, while nothing happens there, the names joined by slashes. */
  #files: Set<string> | string | undefined

  /** `name` is the path of the root, and the entry's name below it. */
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

  /** Below the root, as text. */
  get segments(): readonly string[] {
    return this.parent === undefined ? [] : [...this.parent.segments, textOfName(this.name)]
  }

  has(name: string): boolean {
    return this.#directories?.has(name) === true || this.#unpacked().has(name)
  }

  /** The directory of that name; undefined where there is none, or something else. */
  directory(name: string): Directory | undefined {
    return this.#directories?.get(name)
  }

  /** Whether the directory above the last of `names` is known, and so what is at that name. */
  holds(names: readonly string[]): boolean {
    const [name = '', ...rest] = names
    return rest.length === 0 ? this.has(name) : this.directory(name)?.holds(rest) === true
  }

  /** Adds an entry in place of any other of its name; returns it where it is a directory. */
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

  /** Holds the names in little memory until they are asked for: most directories of a large tree stay as they are. */
  pack(): void {
    if (typeof this.#files === 'object') this.#files = this.#files.size === 0 ? undefined : [...this.#files].join('/')
  }

  #unpacked(): Set<string> {
    if (typeof this.#files !== 'object') this.#files = new Set(this.#files?.split('/'))
    return this.#files
  }

  /** This directory and all known below it. */
  *all(): Generator<Directory> {
    const waiting: Directory[] = [this]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield next
      for (const entry of next.#directories?.values() ?? []) waiting.push(entry)
    }
  }
}

// Names inside the watching thread. A file's name is bytes; here it is a string all the same: the text where
// the bytes are UTF-8, otherwise NUL and one character for each byte, which no name can be by itself. Paths
// are such names joined by slashes, so every path is one string that leads back to its exact bytes.

/** Stands before the bytes of a name that is not UTF-8. */
const MARK = '\0'

/** The name of a directory's entry. */
export function nameOfItem({ name, raw }: Item): string {
  return raw === undefined ? name : MARK + raw.toString('latin1')
}

/** The name in `bytes`; `start` and `end` bound it. */
export function nameOfBytes(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end)
  if (!text.includes('\uFFFD')) return text
  const raw = bytes.subarray(start, end)
  return Buffer.from(text).equals(raw) ? text : MARK + raw.toString('latin1')
}

/** The path as system calls take it. */
export function locate(path: string): Location {
  if (!path.includes(MARK)) return { path, raw: undefined }
  const segments = path.split('/').map(bytesOfName)
  const raw = Buffer.concat(segments.flatMap((segment, index) => (index === 0 ? [segment] : [SLASH, segment])))
  return { path: raw.toString('utf8'), raw }
}

/** The name as it is shown: U+FFFD for what is not UTF-8. */
export function textOfName(name: string): string {
  return name.startsWith(MARK) ? bytesOfName(name).toString('utf8') : name
}

const SLASH = Buffer.from('/')

function bytesOfName(name: string): Buffer {
  return name.startsWith(MARK) ? Buffer.from(name.slice(1), 'latin1') : Buffer.from(name)
}
