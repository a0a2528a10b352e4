// The control group that children belong to. A child is born in it if the C library can do that (glibc 2.39).
// Otherwise it is moved there just after its start, with everything that it has started by then, so that nothing stays
// in the daemon's own group; off the main thread, since the kernel takes milliseconds for a move. A shell as wrapper
// would be exact too, but changes the environment, argv[0] and the errors of exec.

import { closeSync, constants, openSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, Fault } from '../../base/fault.ts'
import { canStartInGroup } from '../../native/spawn.ts'

/** Errors of clone3 for a group that cannot be started in: removed, frozen, or not ours to use. */
const UNUSABLE = new Set(['EACCES', 'EPERM', 'EINVAL', 'ENODEV', 'EBADF', 'EBUSY', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'])

/** Rounds over the daemon's own group: each finds what a child has started before it was moved. */
const MOST_ROUNDS = 20

/** Directories of control groups, version 2. */
export interface ControlGroups {
  /** Group of the daemon, and of no other process. */
  readonly own: string
  /** Group of its children. */
  readonly work: string
}

export class WorkGroup implements Disposable {
  readonly #mover: GroupMover
  /** The open directory of the group; undefined if children are moved there instead. */
  #directory: number | undefined

  constructor(groups: ControlGroups) {
    this.#mover = new GroupMover(groups)
    this.#directory = canStartInGroup() ? openDirectory(groups.work) : undefined
  }

  /** Starts a child in the group; `begin` gets its directory, or undefined if the child is moved afterwards. */
  start<C extends { readonly pid: number }>(begin: (group: number | undefined) => C): C {
    try {
      if (this.#directory !== undefined) return begin(this.#directory)
    } catch (error) {
      if (!UNUSABLE.has(errnoFrom(error) ?? '')) throw error
    }
    // Throws again if the program was at fault. If not, the group was, and is not tried any more.
    const child = begin(undefined)
    this[Symbol.dispose]()
    this.#mover.add(child.pid)
    return child
  }

  /** Moves a child there that was started elsewhere, with what it has started by then. */
  add(pid: number): void {
    this.#mover.add(pid)
  }

  [Symbol.dispose](): void {
    if (this.#directory !== undefined) closeSync(this.#directory)
    this.#directory = undefined
  }
}

/** Opens the group's directory; undefined if it is gone: children start all the same. */
function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch {
    return undefined
  }
}

function errnoFrom(error: unknown): string | undefined {
  if (!(error instanceof Fault)) return errnoOf(error)
  const errno = error.details?.['errno']
  return typeof errno === 'string' ? errno : undefined
}

/** Moves one process after the other. */
class GroupMover {
  readonly #own: string
  readonly #procs: string
  /** Processes that wait to be moved: no more than the children alive, which their owners bound. */
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

  /** Moves every process of our own group besides us: each is a child's child. */
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
