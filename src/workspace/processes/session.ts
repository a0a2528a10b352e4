// The processes of a command or a terminal: every process of its session (setsid(2)), in any process group. coreutils'
// timeout, `set -m`, GNU parallel and background jobs make new groups and stay in the session. Only a process that made
// a new session (setsid, a daemon) has left, and is not signalled. How a session is ended: session-end.ts.

import { errnoOf } from '../../base/fault.ts'
import { processOf, isDead, processes, type ProcessEntry } from './process-table.ts'

export type SessionSignal = 'SIGTERM' | 'SIGKILL' | 'SIGHUP' | 'SIGINT' | 'SIGCONT'

/** Returns the living processes of the session besides its leader; undefined if /proc cannot be read now. */
export function membersOf(session: number): readonly ProcessEntry[] | undefined {
  try {
    return [...processes()].filter((one) => one.session === session && one.pid !== session && !isDead(one))
  } catch {
    return undefined
  }
}

/** Looks for processes that were made during the look before. */
const LOOKS = 5

/**
 * Sends KILL to every process of these sessions, whose leaders' numbers are certainly ours, in as few looks as it
 * takes.
 */
export function killSessions(sessions: ReadonlySet<number>): void {
  for (const leader of sessions) sendTo(leader, 'SIGKILL')
  for (let look = 0; look < LOOKS; look++) {
    const left = sessions.size === 0 ? [] : livingOf(sessions)
    if (left.length === 0 || !sendToAll(left, 'SIGKILL')) return
  }
}

/** Returns none if /proc cannot be read now. */
function livingOf(sessions: ReadonlySet<number>): readonly ProcessEntry[] {
  try {
    return [...processes()].filter((one) => sessions.has(one.session) && !isDead(one))
  } catch {
    return []
  }
}

/** Signals each process group of the members once, except the session's own; false if no process got it. */
export function signalGroups(members: readonly ProcessEntry[], signal: SessionSignal): boolean {
  return sendToAll(
    members.filter(({ group, session }) => group !== session),
    signal,
  )
}

/** Signals each process group of the members once; false if no process got it. */
export function sendToAll(members: readonly ProcessEntry[], signal: SessionSignal): boolean {
  const told = new Set<number>()
  for (const member of members) {
    if (told.has(member.group) || !isStill(member)) continue
    if (sendTo(member.group, signal)) told.add(member.group)
  }
  return told.size > 0
}

/** Signals a process group; false if it is gone, or all of it is another user's. */
export function sendTo(group: number, signal: SessionSignal): boolean {
  try {
    return process.kill(-group, signal)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ESRCH' || errno === 'EPERM') return false
    throw error
  }
}

/** Returns false if the number was given to another process since the look: the group may be a stranger's. */
function isStill(member: ProcessEntry): boolean {
  const now = processOf(member.pid)
  return now?.session === member.session && now.group === member.group && now.started === member.started
}
