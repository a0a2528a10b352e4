// Ending what runs in a terminal: a hang-up for every process group of its session, and a second later KILL for what is
// left of it. Background jobs and what timeout(1) starts have groups of their own and belong to the session; only a
// process that made a session of its own (setsid) has left it, and lives on.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Leader } from '../processes/leader.ts'

/** From HUP to KILL. */
const GRACE_MS = 1000
/** After KILL only the kernel's own waits (a dead network mount, for example) keep a process. */
export const KILLED_MS = 1000
/** Looks in between: soon at first, as most programs end at once. */
const LOOKS_MS = [1, 5, 10, 20]
const LAST_LOOK_MS = 50

/** True where something is left even after KILL. Until this is over the leader is not released. */
export async function hangUp(leader: Leader): Promise<boolean> {
  leader.signalSession('SIGHUP')
  // A stopped program takes the hang-up only once it goes on.
  leader.signalSession('SIGCONT')
  if (await goneWithin(leader, GRACE_MS)) return false
  leader.signalSession('SIGKILL')
  return !(await goneWithin(leader, KILLED_MS, 'SIGKILL'))
}

/**
 * True once leader and session are gone; false after `ms`. What each look finds is signalled `again`: it may have been
 * in the making during the look before. Where the session cannot be looked at, it counts as there until KILL was sent.
 */
async function goneWithin(leader: Leader, ms: number, again?: 'SIGKILL'): Promise<boolean> {
  const deadline = performance.now() + ms
  for (let look = 0; ; look++) {
    if (leader.hasEnded() && !(leader.sessionAlive() ?? again === undefined)) return true
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(LOOKS_MS[look] ?? LAST_LOOK_MS, left))
    if (again !== undefined) leader.signalSession(again)
  }
}
