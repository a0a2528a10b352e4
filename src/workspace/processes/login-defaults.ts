// What a login gives a process and a service does not (reliability E-11, and the unit's LimitNOFILE, Nice and
// OOMScoreAdjust): a child gets the defaults back that the daemon has changed for itself. The file limit is
// inherited: ours is lowered for the length of the one call that starts it. The rest is done from outside just
// after exec, when the child is in its loader, hundreds of microseconds from its first own instruction.

import { readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { errnoOf, Fault } from '../../fault.ts'
import { fileLimit, setFileLimit } from '../../native/process.ts'

/** The kernel's own default. Node raises ours to the hard limit, and programs that close every possible
 * descriptor would take minutes with it. */
const SOFT_FILES = 1024n

/** How long the limit is set from outside after the daemon was found to have more files open than it allows. */
const CROWDED_MS = 60_000

export interface LoginDefaults {
  /** Starts a child that has the default file limit from its first instruction. */
  start<C extends { readonly pid: number }>(begin: () => C): C
}

/** Reads our own niceness and score once; the file limit may be changed from outside at any time. */
export function loginDefaults(): LoginDefaults {
  const niceness = os.getPriority()
  const oomScore = oomScoreOfUs()
  let crowdedUntil = Number.NEGATIVE_INFINITY

  const inherited = <C>(begin: () => C): C | undefined => {
    const own = fileLimit(0)
    if (own.soft <= SOFT_FILES) return begin()
    if (performance.now() < crowdedUntil) return undefined
    setFileLimit(0, { ...own, soft: SOFT_FILES })
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
  return {
    start(begin) {
      const quiet = inherited(begin)
      const child = quiet ?? begin()
      if (quiet === undefined) setFileLimit(child.pid, { ...fileLimit(0), soft: SOFT_FILES })
      if (niceness < 0) quietly(() => os.setPriority(child.pid, 0))
      if (oomScore < 0) quietly(() => writeFileSync(`/proc/${child.pid}/oom_score_adj`, '0'))
      return child
    },
  }
}

function outOfDescriptors(error: unknown): boolean {
  return error instanceof Fault ? error.details?.['errno'] === 'EMFILE' : errnoOf(error) === 'EMFILE'
}

function oomScoreOfUs(): number {
  try {
    return Number(readFileSync('/proc/self/oom_score_adj', 'latin1'))
  } catch {
    return 0
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
