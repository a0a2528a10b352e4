// What belongs to a command or a terminal: every process of its session (setsid(2)), in whatever process group.
// coreutils' timeout, `set -m`, GNU parallel and background jobs make groups of their own and stay in the
// session; only a process that made a session of its own (setsid, a daemon) has left, and is left alone.

import { errnoOf } from '../../base/fault.ts'
import { entryOf, isDead, processes, type ProcessEntry } from './process-table.ts'

export type SessionSignal = 'SIGTERM' | 'SIGKILL' | 'SIGHUP' | 'SIGINT' | 'SIGCONT'

/** The living processes of the session besides its leader; undefined where nobody can look now. */
export function membersOf(session: number): readonly ProcessEntry[] | undefined {
  try {
    return [...processes()].filter((one) => one.session === session && one.pid !== session && !isDead(one))
  } catch {
    return undefined
  }
}

/** How often it is looked again for what was made during the look before. */
const LOOKS = 5

/** KILL to every process of these sessions, whose leaders' numbers are certainly ours, in as few looks as it takes. */
export function killSessions(sessions: ReadonlySet<number>): void {
  for (const leader of sessions) sendTo(leader, 'SIGKILL')
  for (let look = 0; look < LOOKS; look++) {
    const left = sessions.size === 0 ? [] : livingOf(sessions)
    if (left.length === 0 || !sendToAll(left, 'SIGKILL')) return
  }
}

/** None where nobody can look now. */
function livingOf(sessions: ReadonlySet<number>): readonly ProcessEntry[] {
  try {
    return [...processes()].filter((one) => sessions.has(one.session) && !isDead(one))
  } catch {
    return []
  }
}

/** Signals each process group of the members once, besides the session's own; false where nobody got it. */
export function signalGroups(members: readonly ProcessEntry[], signal: SessionSignal): boolean {
  return sendToAll(
    members.filter(({ group, session }) => group !== session),
    signal,
  )
}

/** The same for all groups. */
export function sendToAll(members: readonly ProcessEntry[], signal: SessionSignal): boolean {
  const told = new Set<number>()
  for (const member of members) {
    if (told.has(member.group) || !isStill(member)) continue
    if (sendTo(member.group, signal)) told.add(member.group)
  }
  return told.size > 0
}

/** Signals a process group; false where it is gone, or all of it is another user's. */
export function sendTo(group: number, signal: SessionSignal): boolean {
  try {
    return process.kill(-group, signal)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ESRCH' || errno === 'EPERM') return false
    throw error
  }
}

/** A number may have been given to another process since the look: then the group may be a stranger's. */
function isStill(member: ProcessEntry): boolean {
  const now = entryOf(member.pid)
  return now?.session === member.session && now.group === member.group && now.started === member.started
}
