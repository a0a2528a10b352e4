// Ending what runs in a terminal (contract 17): a hang-up for the group of its first program and for the group
// in its foreground, and a second later KILL for what is left of either. Background jobs of a shell have
// groups of their own and get the shell's hang-up; one that was made immune to it (nohup) lives on.

import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from '../../base/fault.ts'
import type { Leader } from '../processes/leader.ts'
import { isDead, processes } from '../processes/process-table.ts'

/** From HUP to KILL (contract 17). */
const GRACE_MS = 1000
/** Looks in between: soon at first, as most programs end at once. */
const LOOKS_MS = [1, 5, 10, 20]
const LAST_LOOK_MS = 50

/** `foreground` is the terminal's foreground group, as it is now. Until this is over the leader is not released. */
export async function hangUp(leader: Leader, foreground: number | undefined): Promise<void> {
  const groups = new Set([leader.pid, foreground ?? leader.pid])
  leader.signalGroup('SIGHUP')
  // A stopped program takes the hang-up only once it goes on.
  leader.signalGroup('SIGCONT')
  const deadline = performance.now() + GRACE_MS
  for (let look = 0; ; look++) {
    const alive = groupsAlive(leader.pid, groups)
    if (alive.size === 0) return
    const left = deadline - performance.now()
    if (left <= 0) return kill(alive)
    await sleep(Math.min(LOOKS_MS[look] ?? LAST_LOOK_MS, left))
  }
}

/** Which of the groups have living members in the session. Its number is ours, so these are no strangers. */
function groupsAlive(session: number, groups: ReadonlySet<number>): Set<number> {
  const alive = new Set<number>()
  try {
    for (const entry of processes()) {
      if (entry.session === session && groups.has(entry.group) && !isDead(entry)) alive.add(entry.group)
    }
    return alive
  } catch {
    return new Set([session]) // nobody can look now; that number at least is still ours
  }
}

function kill(groups: ReadonlySet<number>): void {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL')
    } catch (error) {
      const errno = errnoOf(error)
      if (errno !== 'ESRCH' && errno !== 'EPERM') throw error // gone, or all of another user
    }
  }
}
