// Ending a task: TERM to every process group of its session, two seconds, KILL (protocol.md#exec-end). The session
// counts, not its leader: what is left of it is killed even when the leader died of TERM.

import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionSignal } from '../processes/session.ts'

/** From TERM to KILL (protocol.md#exec-end). */
const GRACE_MS = 2000
/** After KILL only the kernel's own waits (a dead network mount, for example) keep a process. */
const KILLED_MS = 1000

/** Looks at the session once its leader is gone: soon at first, as most programs die of TERM at once. */
const LOOKS_MS = [1, 5, 10, 20]
const LAST_LOOK_MS = 50

/** What is ended: a child of ours that leads a session, or what is left of one. */
export interface Session {
  /** Resolves once its leader has ended; never rejects. */
  readonly exited: Promise<unknown>
  signalSession(signal: SessionSignal): boolean
  /** Whether others of it live; undefined where nobody can look. */
  sessionAlive(): boolean | undefined
}

export interface SessionEnd {
  /** TERM was not enough. */
  readonly killed: boolean
  /** Something is left even after KILL. */
  readonly survived: boolean
}

export async function endSession(child: Session): Promise<SessionEnd> {
  child.signalSession('SIGTERM')
  // A stopped process takes TERM only once it goes on; KILL needs no help.
  if (await goneWithin(child, GRACE_MS)) return { killed: false, survived: false }
  child.signalSession('SIGKILL')
  return { killed: true, survived: !(await goneWithin(child, KILLED_MS, 'SIGKILL')) }
}

/**
 * True once leader and session are gone; false after `ms`. What each look finds is signalled `again`: it may have
 * been in the making during the look before. Where nobody can look nothing is known to be gone, but of what
 * KILL was sent to.
 */
async function goneWithin(child: Session, ms: number, again?: 'SIGKILL'): Promise<boolean> {
  const deadline = performance.now() + ms
  if (!(await exitedWithin(child, ms))) return false
  for (let look = 0; child.sessionAlive() ?? again === undefined; look++) {
    if (again !== undefined) child.signalSession(again)
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(LOOKS_MS[look] ?? LAST_LOOK_MS, left))
  }
  return true
}

async function exitedWithin(child: Session, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false)
  const exited = await Promise.race([child.exited.then(() => true), late])
  timer.abort()
  return exited
}
