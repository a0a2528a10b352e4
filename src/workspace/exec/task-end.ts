// Ending a task's process group: TERM, two seconds, KILL (contract 16). The group counts, not its leader:
// what is left of it is killed even when the leader died of TERM.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../processes/child.ts'

/** From TERM to KILL (contract 16). */
const GRACE_MS = 2000
/** After KILL only the kernel's own waits (a dead network mount, for example) keep a process. */
const KILLED_MS = 1000

/** Looks at the group once its leader is gone: soon at first, as most programs die of TERM at once. */
const LOOKS_MS = [1, 5, 10, 20]
const LAST_LOOK_MS = 50

export interface GroupEnd {
  /** TERM was not enough. */
  readonly killed: boolean
  /** Something is left even after KILL. */
  readonly survived: boolean
}

export async function endGroup(child: Child): Promise<GroupEnd> {
  child.signalGroup('SIGTERM')
  // A stopped process takes TERM only once it goes on; KILL needs no help.
  if (await groupGone(child, GRACE_MS)) return { killed: false, survived: false }
  child.signalGroup('SIGKILL')
  return { killed: true, survived: !(await groupGone(child, KILLED_MS)) }
}

/** True once leader and group are gone; false after `ms`. */
async function groupGone(child: Child, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  if (!(await exitedWithin(child, ms))) return false
  for (let look = 0; child.groupAlive(); look++) {
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(LOOKS_MS[look] ?? LAST_LOOK_MS, left))
  }
  return true
}

async function exitedWithin(child: Child, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false)
  const exited = await Promise.race([child.exited.then(() => true), late])
  timer.abort()
  return exited
}
