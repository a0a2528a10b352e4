// Turns the kernel's events about a directory's entries into changes, and updates the known tree: entries come, go,
// move and are written. The tree is up to date when an event is handled; nothing here waits.

import { IN } from '../../native/inotify.ts'
import { isDirectoryAt } from './disk.ts'
import type { WatchEvent } from './events.ts'
import type { Survey } from './survey.ts'
import type { Directory } from './tree.ts'
import type { WatchTable } from './watch-table.ts'
import { Moves, type Change } from './windows.ts'

export interface EntryEventsParts {
  readonly table: WatchTable
  readonly survey: Survey
  /** Returns the change of the path that has not been sent yet. */
  readonly pending: (path: string) => Change | undefined
  readonly note: (change: Change) => void
}

export class EntryEvents {
  readonly #parts: EntryEventsParts
  readonly #moves = new Moves()
  /** Names from which entries were moved, until all events of the same read are handled. */
  readonly #left: { readonly parent: Directory; readonly name: string }[] = []

  constructor(parts: EntryEventsParts) {
    this.#parts = parts
  }

  /** Handles an event about the entry that it names. */
  *handle(directory: Directory, event: WatchEvent): Generator<void> {
    const { mask, name } = event
    if (this.#parts.survey.excluded(directory, name, (mask & IN.ISDIR) !== 0)) return
    if ((mask & (IN.DELETE | IN.MOVED_FROM)) !== 0) this.#vanish(directory, event)
    else if ((mask & (IN.CREATE | IN.MOVED_TO)) !== 0) yield* this.#appear(directory, event)
    else if (directory.has(name)) yield* this.#alter(directory, event)
  }

  #vanish(parent: Directory, { name, mask, cookie }: WatchEvent): void {
    if (!parent.has(name)) return
    const path = parent.pathOf(name)
    const directory = parent.directory(name)
    if (directory !== undefined) this.#forget(directory)
    parent.delete(name)
    const moved = (mask & IN.MOVED_FROM) !== 0
    this.#parts.note({ path, op: moved ? 'rename' : 'remove', directory: directory !== undefined })
    if (!moved) return
    this.#moves.left(cookie, path)
    this.#left.push({ parent, name })
  }

  /**
   * Looks on the disk at the names that entries have left. Two entries that are exchanged (renameat2(2)) each leave and
   * arrive, and one of them arrives before the other has left its name.
   */
  *lookForReturned(): Generator<void> {
    for (const { parent, name } of this.#left.splice(0)) {
      if (parent.wd < 0 || parent.has(name)) continue
      const isDirectory = isDirectoryAt(parent.pathOf(name))
      if (isDirectory === undefined || this.#parts.survey.excluded(parent, name, isDirectory)) continue
      yield* this.#arrive(parent, name, isDirectory)
    }
  }

  #forget(directory: Directory): void {
    this.#parts.table.forget(directory)
    this.#parts.survey.forget(directory)
  }

  *#appear(parent: Directory, { name, mask, cookie }: WatchEvent): Generator<void> {
    const path = parent.pathOf(name)
    const isDirectory = (mask & IN.ISDIR) !== 0
    const known = parent.directory(name)
    const moved = (mask & IN.MOVED_TO) !== 0
    // The reading of its parent has told of the entry already, with everything below.
    if (!moved && parent.has(name) && (known === undefined ? !isDirectory : isDirectory && known.wd >= 0)) return
    if (known !== undefined) {
      this.#forget(known)
      this.#parts.note({ path, op: 'remove', directory: true })
    }
    const from = moved ? this.#moves.arrived(cookie, path) : undefined
    const rename = from === undefined ? undefined : this.#parts.pending(from)
    if (rename?.op === 'rename' && rename.to === undefined) this.#parts.note({ ...rename, to: path })
    yield* this.#arrive(parent, name, isDirectory, from)
  }

  *#arrive(parent: Directory, name: string, isDirectory: boolean, from?: string): Generator<void> {
    const below = parent.add(name, isDirectory)
    this.#parts.note({ path: parent.pathOf(name), op: 'create', directory: isDirectory, from })
    if (below !== undefined) yield* this.#parts.survey.fill(below, this.#parts.note)
  }

  /** Notes a write or new attributes. A close counts as a write, since memory maps are written without an event. */
  *#alter(parent: Directory, { name, mask }: WatchEvent): Generator<void> {
    const known = parent.directory(name)
    const path = parent.pathOf(name)
    const directory = (mask & IN.ISDIR) !== 0
    if ((mask & IN.MODIFY) !== 0) this.#parts.note({ path, op: 'write', directory })
    else if ((mask & IN.CLOSE_WRITE) === 0) this.#parts.note({ path, op: 'unknown', directory })
    else if (this.#parts.pending(path)?.op !== 'create') this.#parts.note({ path, op: 'write', directory })
    // The directory was unreadable, and its permissions have changed.
    if ((mask & IN.ATTRIB) !== 0 && known !== undefined && this.#parts.survey.isClosed(known)) {
      yield* this.#parts.survey.fill(known, this.#parts.note)
    }
  }

  /** Forgets the moves whose second half has not come. */
  clear(): void {
    this.#moves.clear()
    this.#left.length = 0
  }
}
