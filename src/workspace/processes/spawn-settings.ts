// How children are started where the daemon's own settings are not a login's (E-11, Z-03, and the
// unit's LimitNOFILE, Nice, OOMScoreAdjust and Delegate). What a child inherits is changed here for the length of
// the one call that starts it, so it is right from the child's first instruction, with no wrapper program in
// between that could spoil its arguments, environment or exit code. What we may not take back afterwards is set
// from outside instead, just after exec, when the child is in its loader. Where nothing differs, nothing is done.

import { closeSync, openSync, readFileSync, writeFileSync, writeSync, constants } from 'node:fs'
import os from 'node:os'
import { errnoOf, Fault } from '../../base/fault.ts'
import { fileLimit, setFileLimit } from '../../native/process.ts'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canStartInGroup } from '../../native/spawn.ts'

/** The kernel's own default. Node raises ours to the hard limit, and programs that close every possible
 * descriptor would take minutes with it. */
const SOFT_FILES = 1024
/** Commands go first when memory runs out: by so much above the daemon, and above 0. */
const MORE_OOM_SCORE = 100
const MOST_OOM_SCORE = 1000

/** How long the limit is set from outside after the daemon was found to have more files open than it allows. */
const CROWDED_MS = 60_000

export interface ChildStartOptions {
  /** Given where the daemon has a control group of its own. */
  readonly groups?: ControlGroups | undefined
  /** The children's OOM score whatever the daemon's own is. */
  readonly oomScore?: number | undefined
  /** The children's soft limit of open files, as far as the hard limit allows; 1024 unless given. */
  readonly files?: number | undefined
}

export interface ChildStart extends Disposable {
  /** Starts a child that has a login's settings; `begin` gets the control group to start it in, if it can be. */
  start<C extends { readonly pid: number }>(begin: (group: number | undefined) => C): C
  /** Sets all of it from outside, for a child that was started on another thread: for whom nothing could be lent. */
  settle(pid: number): void
}

/** A setting of ours that must not reach the children. */
interface Favour {
  /** Our own as a child shall have it, and ours again; undefined where it could not be taken back. */
  readonly inherited: { readonly giveUp: () => void; readonly takeBack: () => void } | undefined
  /** The setting of a child that has started with ours. */
  readonly setOutside: (pid: number) => void
}

/** Reads our own niceness and score once; the file limit may be changed from outside at any time. */
export function openChildStart(options: ChildStartOptions = {}): ChildStart {
  const group = options.groups === undefined ? undefined : openWorkGroup(options.groups)
  const score = oomScoreFavour(options.oomScore)
  const favours = [score, nicenessFavour()].filter((one) => one !== undefined)
  const files = BigInt(options.files ?? SOFT_FILES)
  const limited = fileLimiter(files)
  return {
    start(begin) {
      const started = () => limited(() => (group === undefined ? begin(undefined) : group.start(begin)))
      const child = favours.reduceRight<typeof started>((inner, favour) => () => without(favour, inner), started)()
      for (const { inherited, setOutside } of favours) if (inherited === undefined) quietly(() => setOutside(child.pid))
      return child
    },
    settle(pid) {
      group?.add(pid)
      lowerFiles(pid, files)
      for (const { setOutside } of favours) quietly(() => setOutside(pid))
    },
    [Symbol.dispose]() {
      group?.[Symbol.dispose]()
      score?.[Symbol.dispose]()
    },
  }
}

function fileLimiter(files: bigint): <C extends { readonly pid: number }>(begin: () => C) => C {
  let crowdedUntil = Number.NEGATIVE_INFINITY
  const inherited = <C>(begin: () => C): C | undefined => {
    const own = fileLimit(0)
    if (own.soft <= files) return begin()
    if (performance.now() < crowdedUntil) return undefined
    setFileLimit(0, { ...own, soft: files })
    try {
      return begin()
    } catch (error) {
      // With so many files open no thread can open another while the limit is low: not again for a while.
      if (!outOfDescriptors(error)) throw error
      crowdedUntil = performance.now() + CROWDED_MS
      return undefined
    } finally {
      setFileLimit(0, own)
    }
  }
  return (begin) => {
    const quiet = inherited(begin)
    if (quiet !== undefined) return quiet
    const child = begin()
    lowerFiles(child.pid, files)
    return child
  }
}

function lowerFiles(pid: number, files: bigint): void {
  const own = fileLimit(0)
  if (own.soft > files) setFileLimit(pid, { ...own, soft: files })
}

function outOfDescriptors(error: unknown): boolean {
  return error instanceof Fault ? error.details?.['errno'] === 'EMFILE' : errnoOf(error) === 'EMFILE'
}

function without<C>({ inherited }: Favour, begin: () => C): C {
  if (inherited === undefined) return begin()
  quietly(inherited.giveUp)
  try {
    return begin()
  } finally {
    quietly(inherited.takeBack)
  }
}

/** The kernel counts niceness by thread, and a child has that of the thread which starts it: this one. */
function nicenessFavour(): Favour | undefined {
  const own = os.getPriority()
  if (own >= 0) return undefined
  return {
    inherited: inheritedWhereWeMay((value) => os.setPriority(0, value), own, 0),
    setOutside: (pid) => os.setPriority(pid, 0),
  }
}

/** Our score while a child is started is the child's: for half a millisecond, and then any command has more. */
function oomScoreFavour(wanted: number | undefined): (Favour & Disposable) | undefined {
  const own = oomScoreOfUs()
  if (own === undefined) return undefined
  const children = wanted ?? Math.min(Math.max(own, 0) + MORE_OOM_SCORE, MOST_OOM_SCORE)
  let file: number | undefined
  const change = (value: number) => {
    file ??= openSync('/proc/self/oom_score_adj', 'w') // kept: opening costs more than writing
    writeSync(file, String(value), 0)
  }
  return {
    inherited: inheritedWhereWeMay(change, own, children),
    setOutside: (pid) => writeFileSync(`/proc/${pid}/oom_score_adj`, String(children)),
    [Symbol.dispose]: () => (file === undefined ? undefined : closeSync(file)),
  }
}

/** What has been given up may need a capability to come back: tried once, at the first child, by one step. */
function inheritedWhereWeMay(change: (value: number) => void, own: number, children: number): Favour['inherited'] {
  try {
    change(own + 1)
    change(own)
  } catch {
    return undefined
  }
  return { giveUp: () => change(children), takeBack: () => change(own) }
}

function oomScoreOfUs(): number | undefined {
  try {
    return Number(readFileSync('/proc/self/oom_score_adj', 'latin1'))
  } catch {
    return undefined
  }
}

/** For settings that a sandbox may refuse, or a process that has just ended, without harm. */
function quietly(act: () => void): void {
  try {
    act()
  } catch {
    // the child keeps the daemon's own setting
  }
}

// The control group that children belong to. Where the C library can, a child is born in it (glibc 2.39). Where
// it cannot, the child is moved there just after its start, off the main thread since the kernel takes
// milliseconds for it, and so is everything it has started by then: nothing stays in the daemon's own group. A
// shell as wrapper would be exact too, but changes the environment, argv[0] and the errors of exec.

/** Directories of control groups, version 2. */
export interface ControlGroups {
  /** Where the daemon is, and nobody but it. */
  readonly own: string
  /** Where its children belong. */
  readonly work: string
}

interface WorkGroup extends Disposable {
  start<C extends { readonly pid: number }>(begin: (group: number | undefined) => C): C
  /** Moves a child there that was started elsewhere, and what it has started by then. */
  add(pid: number): void
}

/** What the kernel says of a group that cannot be started in (clone3): retired, frozen out, or not ours to use. */
const REFUSALS = new Set(['EACCES', 'EPERM', 'EINVAL', 'ENODEV', 'EBADF', 'EBUSY', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'])

function openWorkGroup(groups: ControlGroups): WorkGroup {
  const mover = new Mover(groups)
  let group = canStartInGroup() ? openDirectory(groups.work) : undefined
  const close = () => {
    if (group !== undefined) closeSync(group)
    group = undefined
  }
  return {
    start(begin) {
      try {
        if (group !== undefined) return begin(group)
      } catch (error) {
        if (!REFUSALS.has(refusalOf(error) ?? '')) throw error
      }
      // Throws again where it was the program that could not be started; else the group was of no use.
      const child = begin(undefined)
      close()
      mover.add(child.pid)
      return child
    },
    add: (pid) => mover.add(pid),
    [Symbol.dispose]: close,
  }
}

/** Undefined where it is gone: children start all the same. */
function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch {
    return undefined
  }
}

function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Fault)) return errnoOf(error)
  const errno = error.details?.['errno']
  return typeof errno === 'string' ? errno : undefined
}

/** Rounds over the daemon's own group: each finds what a child has started before it was moved. */
const MOST_ROUNDS = 20

/** Moves one process after the other. */
class Mover {
  readonly #own: string
  readonly #procs: string
  /** No longer than the children alive, which their owners bound. */
  readonly #waiting: number[] = []
  #moving = false

  constructor(groups: ControlGroups) {
    this.#own = join(groups.own, 'cgroup.procs')
    this.#procs = join(groups.work, 'cgroup.procs')
  }

  add(pid: number): void {
    this.#waiting.push(pid)
    if (!this.#moving) void this.#run()
  }

  async #run(): Promise<void> {
    this.#moving = true
    for (let pid = this.#waiting.shift(); pid !== undefined; pid = this.#waiting.shift()) {
      await this.#move(pid)
      if (this.#waiting.length === 0) await this.#sweep()
    }
    this.#moving = false
  }

  async #move(pid: number): Promise<void> {
    await writeFile(this.#procs, String(pid)).catch(() => undefined) // it has ended already
  }

  /** Whoever is in our own group besides us is a child's child. */
  async #sweep(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const strays = (await pidsIn(this.#own)).filter((pid) => pid !== process.pid)
      if (strays.length === 0) return
      for (const pid of strays) await this.#move(pid)
    }
  }
}

async function pidsIn(procs: string): Promise<number[]> {
  const text = await readFile(procs, 'latin1').catch(() => '')
  return text.split('\n').filter(Boolean).map(Number)
}
