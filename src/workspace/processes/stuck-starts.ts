// Children that stand before their program: the start was given up, and must not go on when the file system it waits
// for answers one day. posix_spawn tells the number only when it returns, so they are looked for: children of ours
// that are known to none of our owners and still show this process's own memory, as a child does until it
// has executed its program. KILL is kept for one that the kernel holds, and ends it before its first instruction.

import { readFileSync, readlinkSync } from 'node:fs'
import { processes } from './process-table.ts'

/** Of the start time in /proc/<pid>/stat: what every Linux answers for sysconf(_SC_CLK_TCK). */
const TICKS_PER_SECOND = 100
/** The start time is counted in ticks, and the timer that gave up may be early by as much. */
const SLACK_MS = 50

/** `ms`: how long a start is waited for. A younger one still has somebody who waits for it. */
export function endStuckStarts(isKnown: (pid: number) => boolean, ms: number): void {
  try {
    const uptime = Number.parseFloat(readFileSync('/proc/uptime', 'latin1'))
    for (const { pid, parent, started } of processes()) {
      const age = (uptime - started / TICKS_PER_SECOND) * 1000
      if (parent === process.pid && !isKnown(pid) && age >= ms - SLACK_MS && isOurImage(pid)) {
        process.kill(pid, 'SIGKILL')
      }
    }
  } catch {
    // Nobody can look now: the child is ended when its start returns.
  }
}

function isOurImage(pid: number): boolean {
  try {
    const same = (read: (of: string) => string): boolean => read(String(pid)) === read('self')
    return same((of) => readlinkSync(`/proc/${of}/exe`)) && same((of) => readFileSync(`/proc/${of}/cmdline`, 'latin1'))
  } catch {
    return false
  }
}
