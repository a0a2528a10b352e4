// The kernel's table of processes as /proc shows it, for the questions no system call answers: who still lives
// in a session whose leader is a zombie, and which zombies have been left to us as PID 1.
// A walk costs about 15 µs per process, so it is for rare questions.

import { readdirSync, readFileSync } from 'node:fs'
import { errnoOf, Fault } from '../../base/fault.ts'

export interface ProcessEntry {
  readonly pid: number
  /** R, S, D, Z (zombie), X (gone) … as proc(5) lists them. */
  readonly state: string
  readonly parent: number
  readonly group: number
  readonly session: number
  /** When it started, in clock ticks since boot: with the number it names one process for good. */
  readonly started: number
}

/** Field 22 of /proc/<pid>/stat, counted from the field behind the name. */
const STARTED = 19

/** Reads /proc/<pid>/stat: "pid (name) state parent group session …"; a name may hold spaces and parentheses. */
export function parseStat(stat: string): ProcessEntry | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', STARTED + 1)
  const [state, parent, group, session] = fields
  const pid = Number.parseInt(stat, 10)
  if (state === undefined || session === undefined || Number.isNaN(pid)) return undefined
  const started = Number(fields[STARTED] ?? 0)
  return { pid, state, parent: Number(parent), group: Number(group), session: Number(session), started }
}

/**
 * Every process there is, less those that go meanwhile. Throws where nobody can look: no descriptor is free, or
 * /proc is not mounted (it always shows the reader). No caller may take that for "there are none".
 */
export function* processes(): Generator<ProcessEntry> {
  const names = readdirSync('/proc').filter((name) => /^[0-9]/.test(name))
  if (names.length === 0) throw new Fault('unavailable', '/proc shows no processes: it is not mounted here')
  for (const name of names) {
    const entry = entryOf(name)
    if (entry !== undefined) yield entry
  }
}

/** One process; undefined where there is none of that number. Throws where no descriptor is free to look with. */
export function entryOf(pid: number | string): ProcessEntry | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EMFILE' || errno === 'ENFILE') throw error
    return undefined
  }
}

export function isDead(entry: ProcessEntry): boolean {
  return entry.state === 'Z' || entry.state === 'X'
}
