// One watcher on a file system that does not notify. chokidar looks at every file again and again, and its findings go
// through the same windows and outbox as the kernel's events. It reports a move as a removal and a creation, and sees
// only the last of several changes between two looks.

import { lstatSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { watch, type FSWatcher } from 'chokidar'
import { forbiddenToWalks } from '../walk/mounts.ts'
import { renderChange, type Op, Windows } from './windows.ts'
import { exclusionOf } from './survey.ts'
import { Outbox, type Coverage, type WatchJob } from './watch-job.ts'

/** Milliseconds between two looks at one file. */
const INTERVAL_MS = 1000
/** Milliseconds, longer than a round of looks on a busy machine. */
const SETTLED_MS = 200

export interface PollingEvents {
  readonly ready: () => void
  /** Called when the outbox may have items to send. */
  readonly told: () => void
}

const OPS = {
  add: ['create', false],
  addDir: ['create', true],
  change: ['write', false],
  unlink: ['remove', false],
  unlinkDir: ['remove', true],
} as const satisfies Record<string, readonly [Op, boolean]>

export class PollingWatch implements AsyncDisposable {
  readonly outbox = new Outbox()
  readonly #root: string
  readonly #flat: boolean
  readonly #real: string
  readonly #events: PollingEvents
  readonly #watcher: FSWatcher
  readonly #windows = new Windows((change) => this.outbox.put(renderChange(change)))
  readonly #looks = new Set<NodeJS.Timeout>()
  #timer: NodeJS.Timeout | undefined
  #ready = false
  #ended = false
  #dirs = 0
  #errors = 0
  #problem: string | undefined

  constructor(job: WatchJob, events: PollingEvents) {
    this.#root = job.root
    this.#flat = job.flat
    this.#real = realpathSync(job.root)
    this.#events = events
    const excluded = exclusionOf(job.globs, job.defaultExcludes)
    const forbidden = forbiddenToWalks()
    this.#watcher = watch(this.#real, {
      usePolling: true,
      ...(job.flat ? { depth: 0 } : {}),
      interval: INTERVAL_MS,
      binaryInterval: INTERVAL_MS,
      followSymlinks: false,
      ignorePermissionErrors: true,
      ignored: (path, stats) => {
        if (path === this.#real) return false
        if (forbidden.has(path)) return true
        const segments = path.slice(this.#real.length).split('/').filter(Boolean)
        const name = segments.pop() ?? ''
        return excluded({ segments }, name, stats?.isDirectory() ?? false)
      },
    })
    this.#watcher.on('all', (event, path) => {
      if (event in OPS) this.#note(event as keyof typeof OPS, path) // `in` has checked it
    })
    this.#watcher.on('error', (error) => this.#fail(error))
    this.#watcher.on('ready', () => {
      this.#timer = setTimeout(() => this.#begin(), INTERVAL_MS + SETTLED_MS)
    })
  }

  get coverage(): Coverage {
    return { dirs: this.#dirs, errors: this.#errors, unreadable: [], problem: this.#problem }
  }

  /** Returns once the file system has answered a call. */
  knock(): void {
    lstatSync(this.#real, { throwIfNoEntry: false })
  }

  /** Goes on, since the main thread has room for more. */
  resume(): void {
    this.#turn()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    await this.#watcher.close()
  }

  /**
   * Reports `ready` one round of looks after chokidar does. chokidar is ready once it has listed everything, but reads
   * the state for its first comparison only afterwards, and never reports changes in between. So entries that came in
   * that time are added here.
   */
  #begin(): void {
    if (this.#ended) return
    const directories = Object.keys(this.#watcher.getWatched())
    const own = directories.filter((path) => path === this.#real || path.startsWith(`${this.#real}/`))
    const late = this.#enterLate(own)
    this.#timer = setTimeout(
      () => {
        this.#ready = true
        this.#events.ready()
      },
      late === 0 ? 0 : SETTLED_MS,
    )
  }

  /** Adds entries of these directories that chokidar does not know; returns their number. */
  #enterLate(directories: readonly string[]): number {
    const watched = this.#watcher.getWatched()
    const late = directories.flatMap((directory) => {
      const known = new Set(watched[directory])
      return namesIn(directory).flatMap((name) => (known.has(name) ? [] : [join(directory, name)]))
    })
    this.#watcher.add(late)
    return late.length
  }

  /** Adds entries that came into a new directory between chokidar's listing and its first look. */
  #lookAgain(directory: string): void {
    const timer = setTimeout(() => {
      this.#looks.delete(timer)
      this.#enterLate([directory])
    }, INTERVAL_MS + SETTLED_MS)
    this.#looks.add(timer)
  }

  #note(event: keyof typeof OPS, real: string): void {
    const [op, directory] = OPS[event]
    if (event === 'addDir') this.#dirs++
    else if (event === 'unlinkDir') this.#dirs--
    if (!this.#ready || this.#ended) return
    if (event === 'addDir' && !this.#flat) this.#lookAgain(real)
    this.#windows.note({ path: this.#root + real.slice(this.#real.length), op, directory }, performance.now())
    if (event === 'unlinkDir' && real === this.#real) this.#end()
    else this.#turn()
  }

  /** Ends the windows that are due. While the outbox is full, windows wait; each path has at most one. */
  #turn(): void {
    if (this.#ended) return
    this.#windows.end(performance.now(), this.outbox.room)
    this.#events.told()
    clearTimeout(this.#timer)
    const { due } = this.#windows
    if (due === undefined || this.outbox.full) return
    this.#timer = setTimeout(() => this.#turn(), Math.max(1, due - performance.now()))
  }

  #end(): void {
    this.#windows.flush()
    this.outbox.put({ kind: 'ended' })
    this.#stop()
    this.#events.told()
    void this.#watcher.close()
  }

  #stop(): void {
    this.#ended = true
    clearTimeout(this.#timer)
    for (const timer of this.#looks) clearTimeout(timer)
    this.#looks.clear()
  }

  #fail(error: unknown): void {
    this.#errors++
    if (this.#problem !== undefined) return
    this.#problem = `part of the tree is not watched: ${error instanceof Error ? error.message : String(error)}`
    this.outbox.put({ kind: 'overflow', message: this.#problem })
    this.#events.told()
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return [] // gone or unreadable: chokidar reports it
  }
}
