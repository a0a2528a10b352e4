// Starts a child with a login's settings where the daemon has others: soft limit of open files, niceness, OOM score,
// control group (E-11, Z-03; the unit's LimitNOFILE, Nice, OOMScoreAdjust, Delegate). A child inherits what this
// process has at the moment of the spawn. So each setting is changed for the one call that starts the child and
// restored after it: the child has it from its first instruction, and no wrapper program spoils arguments, environment
// or exit code. A setting that we could not restore is set on the child from outside, just after exec, while it is in
// its loader.
//
//   const child = new SpawnSettings(options).start((group) => spawnIn(group))   // `setOn` for another thread's child

import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import os from 'node:os'
import { errnoOf, Fault } from '../../base/fault.ts'
import { fileLimit, setFileLimit } from '../../native/process.ts'
import { WorkGroup, type ControlGroups } from './work-group.ts'

/**
 * The kernel's own default of open files. Node raises its own to the hard limit, and programs that close every possible
 * descriptor would take minutes with that.
 */
const SOFT_FILES = 1024
/** Distance above the daemon's OOM score (or above 0), so that the kernel ends commands first. 1000 is its maximum. */
const MORE_OOM_SCORE = 100
const MOST_OOM_SCORE = 1000
/** Time for which the file limit is set from outside after the daemon had more files open than a child may have. */
const CROWDED_MS = 60_000

export interface SpawnSettingsOptions {
  /** The control groups, if the daemon has one for itself. */
  readonly groups?: ControlGroups | undefined
  /** The children's OOM score, which does not follow the daemon's. */
  readonly oomScore?: number | undefined
  /** The children's soft limit of open files, as far as the hard limit allows; 1024 unless given. */
  readonly files?: number | undefined
}

interface Started {
  readonly pid: number
}

/** A setting of the daemon that its children must not have. */
interface SpawnSetting {
  /** Sets our own value to the child's, and back. Undefined if we could not set it back (that needs a capability). */
  readonly own: { readonly lower: () => void; readonly restore: () => void } | undefined
  /** Sets the value of a child which has started with ours. Throws if the kernel refuses. */
  readonly setOn: (pid: number) => void
}

/** Reads our niceness and OOM score once; the limit of files, which may be changed from outside, at each start. */
export class SpawnSettings implements Disposable {
  readonly #group: WorkGroup | undefined
  readonly #files: FileLimit
  readonly #score: OomScore | undefined
  readonly #settings: readonly SpawnSetting[]
  /** Settings that are changed for the spawn. */
  readonly #lowered: readonly NonNullable<SpawnSetting['own']>[]
  /** Settings that are set on the child. */
  readonly #outside: readonly SpawnSetting[]

  constructor({ groups, oomScore, files = SOFT_FILES }: SpawnSettingsOptions = {}) {
    this.#group = groups === undefined ? undefined : new WorkGroup(groups)
    this.#files = new FileLimit(BigInt(files))
    this.#score = OomScore.of(oomScore)
    this.#settings = [this.#score, niceness()].filter((one) => one !== undefined)
    this.#lowered = this.#settings.flatMap(({ own }) => own ?? [])
    this.#outside = this.#settings.filter(({ own }) => own === undefined)
  }

  /** Starts a child on this thread; `begin` gets the control group to start it in, if there is one. */
  start<C extends Started>(begin: (group: number | undefined) => C): C {
    const inGroup = (): C => (this.#group === undefined ? begin(undefined) : this.#group.start(begin))
    for (const { lower } of this.#lowered) quietly(lower)
    let child: C
    try {
      child = this.#files.start(inGroup)
    } finally {
      for (let at = this.#lowered.length - 1; at >= 0; at--) quietly(this.#lowered[at]?.restore)
    }
    for (const { setOn } of this.#outside) quietly(setOn, child.pid)
    return child
  }

  /** Sets everything from outside on a child that another thread has started, for which ours could not be changed. */
  setOn(pid: number): void {
    this.#group?.add(pid)
    this.#files.setOn(pid)
    for (const { setOn } of this.#settings) quietly(setOn, pid)
  }

  [Symbol.dispose](): void {
    this.#group?.[Symbol.dispose]()
    this.#score?.[Symbol.dispose]()
  }
}

/** Calls `act`, which fails in a sandbox or for an ended process: the child then keeps the daemon's setting. */
function quietly(act: ((pid: number) => void) | undefined, pid = 0): void {
  try {
    act?.(pid)
  } catch {
    // refused
  }
}

/** The soft limit of open files. */
class FileLimit {
  readonly #soft: bigint
  #crowdedUntil = Number.NEGATIVE_INFINITY

  constructor(soft: bigint) {
    this.#soft = soft
  }

  start<C extends Started>(begin: () => C): C {
    const own = fileLimit(0)
    if (own.soft <= this.#soft) return begin()
    if (performance.now() >= this.#crowdedUntil) {
      setFileLimit(0, { ...own, soft: this.#soft })
      try {
        return begin()
      } catch (error) {
        // The daemon has more files open than the lowered limit: while it is low, no thread can open another.
        if (!outOfDescriptors(error)) throw error
        this.#crowdedUntil = performance.now() + CROWDED_MS
      } finally {
        setFileLimit(0, own)
      }
    }
    const child = begin()
    this.setOn(child.pid)
    return child
  }

  setOn(pid: number): void {
    const own = fileLimit(0)
    if (own.soft > this.#soft) setFileLimit(pid, { ...own, soft: this.#soft })
  }
}

function outOfDescriptors(error: unknown): boolean {
  return error instanceof Fault ? error.details?.['errno'] === 'EMFILE' : errnoOf(error) === 'EMFILE'
}

/** The kernel counts niceness by thread, and a child gets that of the thread that starts it: this one. */
function niceness(): SpawnSetting | undefined {
  const own = os.getPriority()
  if (own >= 0) return undefined
  return {
    own: ifRestorable((value) => os.setPriority(0, value), own, 0),
    setOn: (pid) => os.setPriority(pid, 0),
  }
}

/** The OOM score. Ours is the child's for half a millisecond; every command that runs has a higher one even then. */
class OomScore implements SpawnSetting, Disposable {
  readonly own: SpawnSetting['own']
  readonly setOn: (pid: number) => void
  /** /proc/self/oom_score_adj, kept open: opening costs more than writing. */
  #file: number | undefined

  /** Returns undefined if the kernel shows no score. */
  static of(wanted: number | undefined): OomScore | undefined {
    try {
      return new OomScore(Number(readFileSync('/proc/self/oom_score_adj', 'latin1')), wanted)
    } catch {
      return undefined
    }
  }

  private constructor(own: number, wanted: number | undefined) {
    const children = wanted ?? Math.min(Math.max(own, 0) + MORE_OOM_SCORE, MOST_OOM_SCORE)
    this.own = ifRestorable((value) => this.#change(value), own, children)
    this.setOn = (pid) => writeFileSync(`/proc/${pid}/oom_score_adj`, String(children))
  }

  #change(value: number): void {
    this.#file ??= openSync('/proc/self/oom_score_adj', 'w')
    writeSync(this.#file, String(value), 0)
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

/** Restoring may need a capability. Tries it once, by one step, at the first child. */
function ifRestorable(change: (value: number) => void, own: number, children: number): SpawnSetting['own'] {
  try {
    change(own + 1)
    change(own)
  } catch {
    return undefined
  }
  return { lower: () => change(children), restore: () => change(own) }
}
