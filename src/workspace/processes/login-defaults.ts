// What a login gives a process and a service does not (reliability E-11, and the unit's LimitNOFILE, Nice and
// OOMScoreAdjust): a child gets the defaults back that the daemon has changed for itself. It is done from outside, just
// after exec: the child is in its loader then, hundreds of microseconds from its first own instruction, and
// children of its own inherit what it has by that time.

import { readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { fileLimit, setFileLimit } from '../../native/process.ts'

/** The kernel's own default. Node raises ours to the hard limit, and programs that close every possible
 * descriptor would take minutes with it. */
const SOFT_FILES = 1024n

/** Reads our own settings once; the function returned gives a new child the defaults where ours differ. */
export function loginDefaults(): (pid: number) => void {
  const { soft, hard } = fileLimit(0)
  const niceness = os.getPriority()
  const oomScore = oomScoreOfUs()
  return (pid) => {
    if (soft > SOFT_FILES) setFileLimit(pid, { soft: SOFT_FILES, hard })
    if (niceness < 0) quietly(() => os.setPriority(pid, 0))
    if (oomScore < 0) quietly(() => writeFileSync(`/proc/${pid}/oom_score_adj`, '0'))
  }
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
