// The tree walkers: `openWalkers(options)`, then `open` for a walk that is streamed, `gather` for one that is not. At
// most two threads serve all walks of the daemon, and others those that may meet a file system which does not answer
// (far-walkers.ts); they start when needed and end when idle. The reader pulls: two batches are asked for in advance,
// the next when one is taken, so memory per walk is bounded and a reader that stops stops its walk. An aborted walk is
// released at once.

import { availableParallelism } from 'node:os'
import { Fault } from '../../base/fault.ts'
import { EVERYTHING, type Access } from '../files/opening/access.ts'
import { GitHomeLook } from './git-home.ts'
import type { GitHome, Job, WalkSummary } from '../../threads/walk/walk-job.ts'
import { leadsToRemote } from '../files/mounts/remote-calls.ts'
import { FarWalkers } from './far-walkers.ts'
import { PulledWalk, type Walk, WalkerThread } from './walker-thread.ts'
import type { FileHandle } from 'node:fs/promises'
import { faultOfPath } from '../files/opening/missing-path.ts'

export interface WalkerOptions {
  /** The directories in which git keeps the user's own excludes. */
  readonly home: GitHome
  /** Most threads; as many as processors, but no more than two, unless given. */
  readonly threads?: number
  /** Most walks at once; 64 unless given. */
  readonly walks?: number
  /** Milliseconds without a walk after which a thread ends; 60,000 unless given. */
  readonly idle?: number
  /** Most bytes of replies being gathered at one time; see ReplyMemory. */
  readonly replyMemory?: number
}

/** Threads that may hang in a file system before new walks are refused. */
const STUCK_THREADS = 4

/** The whole answer of a walk. */
export interface Gathered {
  readonly chunks: readonly Uint8Array[]
  readonly summary: WalkSummary
}

export interface Walkers extends AsyncDisposable {
  readonly home: GitHome
  /** Resolves with `home` if it can be read now, see git-home.ts. */
  readableHome(): Promise<GitHome>
  /** Listings and searches by name in progress. */
  readonly running: number
  /** Starts a walk; rejects with the Fault of a root that cannot be walked, or with `rate_limited`, `unavailable`. */
  open(job: Job, signal: AbortSignal, access?: Access): Promise<Walk>
  /** Runs a walk to its end for an answer that is not streamed. */
  gather(job: Job, signal: AbortSignal, access?: Access): Promise<Gathered>
  /** Resolves with the SHA-256 of the regular file at `path`, as hex. */
  hash(path: string, signal: AbortSignal, access?: Access): Promise<string>
}

export function openWalkers(options: WalkerOptions): Walkers {
  return new WalkerPool(options)
}

class WalkerPool implements Walkers {
  readonly home: GitHome
  readonly #homeLook: GitHomeLook
  readonly #threads: number
  readonly #limit: number
  readonly #idle: number
  readonly #memory: ReplyMemory
  readonly #members = new Set<WalkerThread>()
  /** Threads for walks that may meet a mount which does not answer; they take no place of other walks. */
  readonly #far: FarWalkers
  #closed = false

  constructor(options: WalkerOptions) {
    this.home = options.home
    this.#homeLook = new GitHomeLook(options.home)
    this.#threads = options.threads ?? Math.min(2, availableParallelism())
    this.#limit = options.walks ?? 64
    this.#idle = options.idle ?? 60_000
    this.#memory = new ReplyMemory(options.replyMemory)
    this.#far = new FarWalkers(this.#idle)
  }

  get running(): number {
    return this.#near + this.#far.running
  }

  get #near(): number {
    return [...this.#members].reduce((sum, { busy }) => sum + busy, 0)
  }

  async readableHome(): Promise<GitHome> {
    return await this.#homeLook.now()
  }

  async open(asked: Job, signal: AbortSignal, access: Access = EVERYTHING): Promise<Walk> {
    signal.throwIfAborted()
    const job = await this.#withHome(asked)
    const judged = access.everything ? undefined : await judgedJob(job, access)
    const over = (): void => void judged?.root.close()
    try {
      signal.throwIfAborted()
      const walk = new PulledWalk(
        leadsToRemote(job.path) ? this.#far.choose(job.path) : this.#choose(),
        judged?.job ?? job,
        { signal, over },
      )
      await walk.opened
      return walk
    } catch (error) {
      over()
      throw error
    }
  }

  async #withHome(job: Job): Promise<Job> {
    if (job.kind === 'hash' || !job.rules.gitignore) return job
    const home = await this.readableHome()
    return home === this.home ? job : { ...job, rules: { ...job.rules, home } }
  }

  async gather(job: Job, signal: AbortSignal, access?: Access): Promise<Gathered> {
    await using walk = await this.open(job, signal, access)
    using share = this.#memory.share()
    const chunks: Uint8Array[] = []
    for await (const { bytes, end } of walk) {
      share.take(bytes.byteLength)
      if (bytes.byteLength > 0) chunks.push(bytes)
      if (end !== undefined) return { chunks, summary: end }
    }
    throw new Error('the walk ended without a summary')
  }

  async hash(path: string, signal: AbortSignal, access?: Access): Promise<string> {
    const { sha256 } = (await this.gather({ kind: 'hash', path }, signal, access)).summary
    if (sha256 !== undefined) return sha256
    throw new Error('the walker ended a hash without a result')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const members = [...this.#members, ...this.#far.close()]
    this.#members.clear()
    await Promise.all(members.map((member) => member.end(new Fault('unavailable', 'the daemon is shutting down'))))
  }

  /** Returns the least busy thread that answers; a new one while there are fewer than allowed. */
  #choose(): WalkerThread {
    if (this.#closed) throw new Fault('unavailable', 'the daemon is shutting down')
    const members = [...this.#members]
    const walks = this.#near
    if (walks >= this.#limit) {
      const sentence = `${walks} listings and searches are running; accepted are ${this.#limit} at once`
      throw new Fault('rate_limited', sentence, { details: { limit: this.#limit }, retryAfter: 1 })
    }
    const usable = members.filter((member) => !member.stuck)
    const free = usable.toSorted((a, b) => a.busy - b.busy)[0]
    if (free !== undefined && (free.busy === 0 || usable.length >= this.#threads)) return free
    if (members.length - usable.length >= STUCK_THREADS) {
      throw new Fault('unavailable', 'earlier walks hang in a file system that does not answer', { retryAfter: 10 })
    }
    const member = new WalkerThread(this.#idle, () => this.#members.delete(member))
    this.#members.add(member)
    return member
  }
}

/** Bytes: five listings with the whole content budget, or some thirty of 50,000 entries. */
const REPLY_MEMORY = 256 * 1024 * 1024

/**
 * The memory that replies share while they are gathered from walks. Beyond it a caller is told to come back: many
 * listings with content at once would cost more memory than the machine has, and resident memory makes starting a
 * process slow. Streams gather nothing.
 */
class ReplyMemory {
  readonly #limit: number
  #used = 0

  constructor(limit: number = REPLY_MEMORY) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Returns the share of one reply: it grows with each `take` and is given back as a whole. */
  share(): ReplyShare {
    let own = 0
    return {
      take: (bytes) => {
        if (this.#used + bytes > this.#limit) {
          const sentence = `replies being gathered fill the ${this.#limit} bytes they share; stream the listing or try again`
          throw new Fault('unavailable', sentence, { details: { limit: this.#limit }, retryAfter: 1 })
        }
        own += bytes
        this.#used += bytes
      },
      [Symbol.dispose]: () => {
        this.#used -= own
        own = 0
      },
    }
  }
}

interface ReplyShare extends Disposable {
  /** Adds bytes; throws `unavailable` if they do not fit. */
  take(bytes: number): void
}

/**
 * Returns the job of a caller that is not allowed everything: its root is opened and judged here, and the worker walks
 * the opened directory, not the one that the path leads to by then. The caller closes `root` when the walk is over.
 */
async function judgedJob(job: Job, access: Access): Promise<{ readonly job: Job; readonly root: FileHandle }> {
  const root = await opened(job.path, access)
  try {
    if (job.kind === 'hash') return { job: { ...job, fd: root.fd }, root }
    const judged = { fd: root.fd, ...(await access.leftOut()) }
    return { job: { ...job, rules: { ...job.rules, judged } }, root }
  } catch (error) {
    await root.close()
    throw error
  }
}

async function opened(path: string, access: Access): Promise<FileHandle> {
  try {
    return await access.open(path)
  } catch (error) {
    throw await faultOfPath(error, path)
  }
}
