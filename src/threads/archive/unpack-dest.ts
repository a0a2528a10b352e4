// The destination of an upload: made where it is missing, with its parents, and opened once. From then on it is
// that directory, whatever its path comes to mean (reliability F-15); a link in the path is followed here alone.

import { chmodSync, closeSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf, Fault, faultOfSystem, quote } from '../../base/fault.ts'
import { makeWithParents } from '../../base/make-directories.ts'
import { flushFileSystem } from '../../native/sync.ts'

const O_PATH = 0o10000000 // Node does not name it

/** Permissions of what is made here, whatever the umask (contract 2). */
const MODE = 0o755

/** Returns the descriptor. */
export function openDest(dest: string): number {
  if (!existsSync('/proc/self/fd')) {
    throw new Fault('not_supported', 'archives are unpacked through /proc/self/fd, and /proc is not mounted here')
  }
  try {
    const outermost = makeWithParents(dest, MODE)
    for (let made = dest; outermost !== undefined; made = dirname(made)) {
      chmodSync(made, (statSync(made).mode & 0o7777) | MODE)
      if (made === outermost) break
    }
    return openSync(dest, O_PATH | constants.O_DIRECTORY)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' && errnoOf(error) !== 'ENOTDIR') throw faultOfSystem(error, dest)
    throw new Fault(
      'conflict',
      `dest ${quote(dest)} is not a directory, or lies below a file; format=raw writes the body to a file as it is`,
      { details: { field: 'dest', got: dest } },
    )
  }
}

/** The same directory once more, for a second way through it. */
export function openAgain(fd: number): number {
  return openSync(`/proc/self/fd/${fd}`, O_PATH | constants.O_DIRECTORY)
}

/** The file systems that were written to, each flushed once at the end. */
export class WrittenFileSystems implements Disposable {
  readonly #open = new Map<number, number>()

  /** `fd`: a directory in it. */
  add(device: number, fd: number): void {
    if (this.#open.has(device)) return
    try {
      this.#open.set(device, openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_DIRECTORY))
    } catch (error) {
      // Who may write but not read here: it is flushed when the system does so.
      if (errnoOf(error) !== 'EACCES') throw error
    }
  }

  async flush(): Promise<void> {
    for (const fd of this.#open.values()) await flushFileSystem(fd)
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.values()) closeSync(fd)
    this.#open.clear()
  }
}
