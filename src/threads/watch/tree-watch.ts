// One watcher: turns the kernel's events about its tree into changes, which windows collect and the outbox sends. It
// never waits: `advance` does a slice of the work, and `due` returns the time of the next call. It does one thing after
// the other, so the tree is up to date when an event is handled. If events were lost, it announces that and tells the
// differences to the disk (protocol.md#watchers).

import { readSync } from 'node:fs'
import { Fault, errnoOf } from '../../base/fault.ts'
import { IN, LONGEST_EVENT } from '../../native/inotify.ts'
import { EntryEvents } from './entry-events.ts'
import { renderChange, type Change, Windows } from './windows.ts'
import { parseEvents, type WatchEvent } from './events.ts'
import { forbiddenBelow, identityOf, identityOr, MountPoints, type MountTable } from './disk.ts'
import { exclusionOf, Survey } from './survey.ts'
import { instanceLimit, WatchTable } from './watch-table.ts'
import { Outbox, type Coverage, type WatchJob } from './watch-job.ts'
import { Directory } from './tree.ts'

/** Milliseconds of one slice, in which the other watchers of the thread wait. */
const SLICE_MS = 10
/** Most windows open at once; further events stay in the kernel's queue. */
const MOST_WINDOWS = 5000
/** Milliseconds between two checks that the root is still the same directory. */
const ROOT_CHECK_MS = 1000
/** Milliseconds until an incompletely watched tree is tried again. */
const RETRY_MS = 5000
/** Milliseconds by which the clock that stamps inodes may be behind ours: it is coarser (measured). */
const CLOCK_SLACK_MS = 100

const LOST = 'events were lost: the kernel could hold no more; what follows are the differences, then ready'
const UNMOUNTED = 'a file system inside the tree was unmounted; what follows are the differences, then ready'
const REMOUNTED = 'something was mounted or unmounted inside the tree; what follows are the differences, then ready'

const buffer = Buffer.alloc(64 * 1024)

export class TreeWatch implements Disposable {
  readonly outbox = new Outbox()
  readonly #root: Directory
  readonly #identity: string
  readonly #mounts: MountPoints
  readonly #table: WatchTable
  readonly #survey: Survey
  readonly #windows = new Windows((change) => this.outbox.put(renderChange(change)))
  readonly #entries: EntryEvents
  #steps: Generator<void> | undefined
  #started = false
  #ended = false
  #problem: string | undefined
  /** True once clients were told of the problem. */
  #announced = false
  #now = 0
  #nextCheck = 0
  #retryAt = Infinity
  /** Changed mounts: places to tell the main thread, then `told` until it has judged them, then `enter`. */
  #remounted: readonly string[] | 'told' | 'enter' | undefined
  /** Milliseconds of the wall clock: the watcher knows of all changes before that time. */
  #heardUntil = Date.now()

  /** Throws if the root cannot be watched. */
  constructor(job: WatchJob, table: MountTable) {
    this.#root = new Directory(job.root, undefined, job.flat)
    this.#identity = identityOf(job.root)
    this.#mounts = new MountPoints(job.root, table)
    const forbidden = forbiddenBelow(job.root)
    this.#table = openTable()
    this.#survey = new Survey({
      table: this.#table,
      excluded: exclusionOf(job.globs, job.defaultExcludes),
      forbidden: (path) => forbidden.has(path) || this.#mounts.isNew(path),
      limited: (reason) => this.#limited(reason),
    })
    this.#entries = new EntryEvents({
      table: this.#table,
      survey: this.#survey,
      pending: (path) => this.#windows.pending(path),
      note: (change) => this.#note(change),
    })
    this.#steps = this.#survey.fill(this.#root, job.tell.length === 0 ? undefined : this.#telling(job.tell))
  }

  /** Descriptor to poll; -1 while no event may be read. */
  get fd(): number {
    return this.#steps === undefined && !this.#blocked ? this.#table.fd : -1
  }

  get path(): string {
    return this.#root.path
  }

  get started(): boolean {
    return this.#started
  }

  /** Time, by the monotonic clock, at which there is work without an event. */
  get due(): number {
    if (this.#ended || this.outbox.full) return Infinity // until the main thread acknowledges a batch
    const window = this.#windows.due ?? Infinity
    if (this.#blocked) return window
    if (this.#steps !== undefined || this.#remounted === 'enter') return 0
    return Math.min(window, this.#nextCheck, this.#retryAt)
  }

  get coverage(): Coverage {
    const { errors, unreadable } = this.#survey
    return { dirs: this.#table.size, errors, unreadable, problem: this.#problem }
  }

  get #blocked(): boolean {
    return this.outbox.full || this.#windows.size >= MOST_WINDOWS
  }

  /** Does a slice of work. An error that it throws ends the watcher. */
  advance(now: number, readable: boolean): void {
    this.#now = now
    if (this.#ended) return
    this.#windows.end(now, this.outbox.room)
    if (this.#steps === undefined && !this.#blocked) {
      if (this.#remounted === 'enter') {
        this.#remounted = undefined
        this.#steps = this.#resync(REMOUNTED)
      } else if (now >= this.#nextCheck) this.#checkRoot()
      else if (now >= this.#retryAt) this.#steps = this.#resync(undefined)
      else if (readable) this.#steps = this.#read()
    }
    while (this.#steps !== undefined && !this.#blocked) {
      if (this.#steps.next().done === true) this.#finish()
      this.#now = performance.now()
      if (this.#now - now > SLICE_MS) return
    }
  }

  /** Returns, one time only, the places where mounts have come or gone, for the main thread to judge. */
  takeRemounted(): readonly string[] | undefined {
    const places = this.#remounted
    if (typeof places !== 'object') return undefined
    this.#remounted = 'told'
    return places
  }

  /** Takes the main thread's verdict. `enter`: reads the whole tree again; otherwise new mounts stay unwatched. */
  judged(enter: boolean): void {
    if (this.#remounted !== 'told') return
    this.#remounted = enter ? 'enter' : undefined
    this.#mounts.judged(enter)
  }

  [Symbol.dispose](): void {
    this.#ended = true
    this.#steps?.return(undefined)
    this.#steps = undefined
    this.#table.close()
  }

  #finish(): void {
    this.#steps = undefined
    if (this.#started) return
    if (this.#root.wd < 0) {
      if (this.#survey.errors > 0)
        throw new Fault('forbidden', `path ${this.#root.path} may not be read by this daemon`)
      throw new Fault('not_found', `path ${this.#root.path} went while it was being watched`)
    }
    this.#started = true
    this.#nextCheck = this.#now + ROOT_CHECK_MS
  }

  #read(): Generator<void> | undefined {
    const before = Date.now()
    let length: number
    try {
      length = readSync(this.#table.fd, buffer)
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return undefined
      throw error
    }
    const events = parseEvents(buffer, length)
    const lost = events.findIndex(({ mask }) => (mask & IN.Q_OVERFLOW) !== 0)
    // The read emptied the queue: events that are lost later happened later.
    if (lost < 0 && length + LONGEST_EVENT < buffer.length) this.#heardUntil = before
    return this.#handleAll(lost < 0 ? events : events.slice(0, lost), lost >= 0)
  }

  *#handleAll(events: readonly WatchEvent[], lost: boolean): Generator<void> {
    const { renewals } = this.#table
    for (const event of events) {
      // No directory: the event is from before its watch was given up.
      for (const directory of this.#table.get(event.wd)) {
        if (directory.wd === event.wd) yield* this.#handle(directory, event)
        // In a new queue the numbers mean other directories.
        if (this.#ended || this.#table.renewals !== renewals) return
      }
      yield
    }
    if (lost) yield* this.#resync(LOST)
    else yield* this.#entries.lookForReturned()
  }

  *#handle(directory: Directory, event: WatchEvent): Generator<void> {
    const { mask, wd, name } = event
    if (name !== '') return yield* this.#entries.handle(directory, event)
    if ((mask & IN.IGNORED) !== 0) this.#table.lost(wd)
    if (directory === this.#root && (mask & ~IN.ATTRIB & ~IN.ISDIR) !== 0) this.#checkRoot()
    else if ((mask & IN.UNMOUNT) !== 0) yield* this.#resync(UNMOUNTED)
  }

  #telling(places: readonly string[]): (change: Change) => void {
    return (change) => {
      if (places.some((place) => change.path.startsWith(`${place}/`))) this.outbox.put(renderChange(change))
    }
  }

  #note(change: Change): void {
    this.#windows.note(change, this.#now)
  }

  /** Starts over with an empty queue and tells how the disk differs from the known tree; `message` announces it. */
  *#resync(message: string | undefined): Generator<void> {
    const since = this.#heardUntil - CLOCK_SLACK_MS
    this.#windows.flush()
    this.#entries.clear()
    if (message !== undefined) this.outbox.put({ kind: 'overflow', message })
    this.#heardUntil = Date.now()
    this.#retryAt = Infinity
    this.#problem = undefined
    try {
      this.#table.renew()
    } catch (error) {
      return this.#limited(instanceLimit(errnoOf(error)) ?? error)
    }
    yield* this.#survey.compare(this.#root, since, (change) => this.outbox.put(renderChange(change)))
    if (this.#problem !== undefined) return
    this.#announced = false
    this.outbox.put({ kind: 'ready' })
  }

  /** Handles a limit that leaves part of the tree unwatched: throws at the start; later announces it and retries. */
  #limited(reason: unknown): void {
    if (!this.#started || !(reason instanceof Fault)) throw reason
    this.#retryAt = this.#now + RETRY_MS
    if (this.#problem === undefined) this.#problem = `part of the tree is not watched: ${reason.message}`
    if (this.#announced) return
    this.#announced = true
    this.outbox.put({ kind: 'overflow', message: this.#problem })
  }

  /** Looks for changed mounts: no event tells of a new one, nor of the end of one that has another path. */
  #checkMounts(): void {
    if (this.#remounted !== undefined) return
    const places = this.#mounts.changed().filter((names) => this.#root.holds(names))
    if (places.length > 0) this.#remounted = places.map((names) => this.#root.pathOf(names.join('/')))
  }

  #checkRoot(): void {
    this.#nextCheck = this.#now + ROOT_CHECK_MS
    const watched = this.#root.wd >= 0 || this.#problem !== undefined
    if (watched && identityOr(this.#root.path) === this.#identity) return this.#checkMounts()
    this.#note({ path: this.#root.path, op: 'remove', directory: true })
    this.#windows.flush()
    this.outbox.put({ kind: 'ended' })
    this.#ended = true
    this.#table.close()
  }
}

function openTable(): WatchTable {
  try {
    return new WatchTable()
  } catch (error) {
    throw instanceLimit(errnoOf(error)) ?? error
  }
}
