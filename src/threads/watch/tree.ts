// What the watcher knows of the tree: every directory with its watch descriptor, and the names in it. That is
// what clients have been told, so after a loss of events the difference to the disk can be told too.

import type { Place } from '../ignore-rules.ts'
import { textOfName } from './names.ts'

/** A directory below the watched root, or the root itself. */
export class Directory implements Place {
  readonly name: string
  readonly parent: Directory | undefined
  /** -1: not watched (it has gone, it is closed to us, or the system's limit is reached). */
  wd = -1
  /** Tells it from another directory that took its name. */
  inode = 0
  #entries: Map<string, Directory | undefined> | undefined

  /** `name` is the path of the root, and the entry's name below it. */
  constructor(name: string, parent?: Directory) {
    this.name = name
    this.parent = parent
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
    return this.#entries?.has(name) ?? false
  }

  /** The directory of that name; undefined where there is none, or something else. */
  directory(name: string): Directory | undefined {
    return this.#entries?.get(name)
  }

  /** Adds an entry; returns it where it is a directory. */
  add(name: string, directory: boolean): Directory | undefined {
    const entry = directory ? new Directory(name, this) : undefined
    this.#entries ??= new Map() // most directories of most trees are leaves, and many are empty
    this.#entries.set(name, entry)
    return entry
  }

  delete(name: string): void {
    this.#entries?.delete(name)
  }

  clear(): void {
    this.#entries = undefined
  }

  names(): Iterable<string> {
    return this.#entries?.keys() ?? []
  }

  /** This directory and all known below it. */
  *all(): Generator<Directory> {
    const waiting: Directory[] = [this]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield next
      for (const entry of next.#entries?.values() ?? []) if (entry !== undefined) waiting.push(entry)
    }
  }
}
