// Watches single files and directories for MCP subscriptions, which learn only that one has changed. Each directory is
// watched once, without the directories below it. These watchers are counted and listed apart from those that clients
// create (protocol.md#watchers).

import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '../../base/fault.ts'
import { remoteCall } from '../files/mounts/remote-calls.ts'
import { changeOf } from './subscription.ts'
import { openWatchers, type Subscription, type Watchers } from './watchers.ts'

/** Most directories watched at once. */
export const MOST_DIRECTORIES = 256

export interface PathWatches extends AsyncDisposable {
  /**
   * Watches those of `paths` whose directory exists and may be read; a file need not exist yet. For a directory, the
   * entries directly in it count. Calls `changed` for each change until disposed.
   */
  watch(paths: readonly string[], changed: (path: string) => void, signal: AbortSignal): Promise<PathWatch>
}

export interface PathWatch extends Disposable {
  readonly paths: readonly string[]
}

interface Listener {
  readonly changed: (path: string) => void
  /** Path to report. Undefined: every entry directly in the directory, reported as the directory. */
  readonly path: string | undefined
}

interface Directory {
  readonly root: string
  /** Resolves with the id of the directory's watcher once that is ready. */
  readonly opened: Promise<string>
  readonly listeners: Set<Listener>
}

export function openPathWatches(watchers: Watchers = openWatchers({ limit: MOST_DIRECTORIES })): PathWatches {
  return new WatchTable(watchers)
}

class WatchTable implements PathWatches {
  readonly #watchers: Watchers
  readonly #byRoot = new Map<string, Directory>()
  readonly #byId = new Map<string, Directory>()
  #events: Subscription | undefined

  constructor(watchers: Watchers) {
    this.#watchers = watchers
  }

  async watch(paths: readonly string[], changed: (path: string) => void, signal: AbortSignal): Promise<PathWatch> {
    const ends: (() => void)[] = []
    const watched: string[] = []
    const end = (): void => {
      for (const one of ends.splice(0)) one()
    }
    try {
      for (const path of paths) {
        const inside = await isDirectory(path)
        signal.throwIfAborted()
        const close = await this.#listen(inside ? path : dirname(path), { changed, path: inside ? undefined : path })
        if (close === undefined) continue
        ends.push(close)
        watched.push(path)
      }
    } catch (error) {
      end()
      throw error
    }
    return { paths: watched, [Symbol.dispose]: end }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events?.[Symbol.dispose]()
    await this.#watchers[Symbol.asyncDispose]()
  }

  /** Resolves with the function that ends listening; undefined if the directory cannot be watched. */
  async #listen(root: string, listener: Listener): Promise<(() => void) | undefined> {
    this.#events ??= this.#watchers.subscribe(() => this.#take())
    const directory = this.#byRoot.get(root) ?? this.#open(root)
    directory.listeners.add(listener)
    const leave = (): void => {
      if (!directory.listeners.delete(listener) || directory.listeners.size > 0) return
      if (this.#byRoot.get(root) === directory) this.#byRoot.delete(root)
      directory.opened.then(
        (id) => this.#close(id),
        () => undefined,
      )
    }
    try {
      await directory.opened
      this.#take()
      return leave
    } catch (error) {
      leave()
      if (error instanceof Fault) return undefined
      throw error
    }
  }

  #open(root: string): Directory {
    const request = { root, excludes: [], defaultExcludes: false, flat: true }
    // Not the signal of the first listener: other listeners may be waiting for the same directory.
    const opened = this.#watchers.create(request, new AbortController().signal).then(({ id }) => {
      this.#byId.set(id, directory)
      return id
    })
    const directory: Directory = { root, opened, listeners: new Set() }
    this.#byRoot.set(root, directory)
    return directory
  }

  #close(id: string): void {
    this.#byId.delete(id)
    // The watcher is gone already if all watchers have ended.
    if (this.#watchers.list().some((watcher) => watcher.id === id)) this.#watchers.delete(id)
  }

  #take(): void {
    for (let event = this.#events?.take(); event !== undefined; event = this.#events?.take()) {
      const directory = this.#byId.get(event.watcher)
      if (directory === undefined || event.type === 'ready') continue
      // After an overflow any entry may have changed.
      const changed = event.type === 'change' ? changeOf(event).path : directory.root
      for (const listener of directory.listeners) {
        const all = listener.path === undefined || changed === directory.root
        if (all || changed === listener.path) listener.changed(listener.path ?? directory.root)
      }
    }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await remoteCall(path, () => stat(path))).isDirectory()
  } catch {
    return false
  }
}
