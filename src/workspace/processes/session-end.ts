// Ends the session of a command or a terminal: a first signal to every process group of it, time to go, then KILL to
// the rest (protocol.md#exec-end). The session counts, not its leader: the rest is killed even if the leader took the
// first signal. A process that made a new session (setsid) has left, and is not signalled.
//
//   const { killed, survived } = await endSession(child, COMMAND_END)

import { setTimeout as sleep } from 'node:timers/promises'
import { whenDone } from '../../base/waiting.ts'
import type { SessionSignal } from './session.ts'

/** The first signals, and the time from them to KILL. */
interface EndingWay {
  readonly signals: readonly SessionSignal[]
  readonly graceMs: number
}

/** A stopped process takes TERM only once it goes on; KILL, 2 s later, needs no help. */
export const COMMAND_END: EndingWay = { signals: ['SIGTERM'], graceMs: 2000 }
/** CONT, because a stopped program (^Z) takes the hang-up only once it goes on. */
export const TERMINAL_END: EndingWay = { signals: ['SIGHUP', 'SIGCONT'], graceMs: 1000 }

/** Time that processes get to end after KILL: only the kernel's own waits (a dead network mount) keep one longer. */
export const KILLED_MS = 1000

/** Pauses between looks at the session once its leader is gone: short at first, as most programs end at once. */
const LOOKS_MS = [1, 5, 10, 20]
const LAST_LOOK_MS = 50

/** A session that can be ended: a child of ours that leads one, or what is left of one. */
export interface ProcessSession {
  /** Resolves once its leader has ended; never rejects. */
  readonly exited: Promise<unknown>
  signalSession(signal: SessionSignal): boolean
  /** True if processes besides the leader live; undefined if /proc cannot be read now. */
  sessionAlive(): boolean | undefined
}

export interface SessionEnd {
  /** True if the first signals were not enough. */
  readonly killed: boolean
  /** True if something is left even after KILL. */
  readonly survived: boolean
}

/** Resolves once the session is gone, or has survived KILL. Until then its leader must not be released. */
export async function endSession(session: ProcessSession, { signals, graceMs }: EndingWay): Promise<SessionEnd> {
  for (const signal of signals) session.signalSession(signal)
  if (await goneWithin(session, graceMs)) return { killed: false, survived: false }
  session.signalSession('SIGKILL')
  return { killed: true, survived: !(await goneWithin(session, KILLED_MS, 'SIGKILL')) }
}

/**
 * Resolves with true once leader and session are gone, with false after `ms`. Each look signals what it finds `again`:
 * a process may have been in the making during the look before. If /proc cannot be read, the session counts as there
 * until KILL was sent to it.
 */
async function goneWithin(session: ProcessSession, ms: number, again?: 'SIGKILL'): Promise<boolean> {
  const deadline = performance.now() + ms
  if ((await whenDone(session.exited, undefined, ms)) === 'late') return false
  for (let look = 0; session.sessionAlive() ?? again === undefined; look++) {
    if (again !== undefined) session.signalSession(again)
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(LOOKS_MS[look] ?? LAST_LOOK_MS, left))
  }
  return true
}
