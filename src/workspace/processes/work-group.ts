// The control group that children belong to. Where the C library can, a child is born in it (glibc 2.39). Where
// it cannot, the child is moved there just after its start, off the main thread since the kernel takes
// milliseconds for it, and so is everything it has started by then: nothing stays in the daemon's own group. A
// shell as wrapper would be exact too, but changes the environment, argv[0] and the errors of exec.

import { closeSync, constants, openSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, Fault } from '../../base/fault.ts'
import { canStartInGroup } from '../../native/spawn.ts'

/** Directories of control groups, version 2. */
export interface ControlGroups {
  /** Where the daemon is, and nobody but it. */
  readonly own: string
  /** Where its children belong. */
  readonly work: string
}

export interface WorkGroup extends Disposable {
  start<C extends { readonly pid: number }>(begin: (group: number | undefined) => C): C
  /** Moves a child there that was started elsewhere, and what it has started by then. */
  add(pid: number): void
}

/** What the kernel says of a group that cannot be started in (clone3): retired, frozen out, or not ours to use. */
const REFUSALS = new Set(['EACCES', 'EPERM', 'EINVAL', 'ENODEV', 'EBADF', 'EBUSY', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'])

export function openWorkGroup(groups: ControlGroups): WorkGroup {
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
