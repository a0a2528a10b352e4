// The kernel's table of processes as /proc shows it, for the two questions no system call answers: who still
// lives in a process group whose leader is a zombie, and which zombies have been left to us as PID 1.
// A walk costs about 15 µs per process, so it is for rare questions.

import { readdirSync, readFileSync } from 'node:fs'
import { errnoOf } from '../../base/fault.ts'

export interface ProcessEntry {
  readonly pid: number
  /** R, S, D, Z (zombie), X (gone) … as proc(5) lists them. */
  readonly state: string
  readonly parent: number
  readonly group: number
  readonly session: number
}

/** Reads /proc/<pid>/stat: "pid (name) state parent group session …"; a name may hold spaces and parentheses. */
export function parseStat(stat: string): ProcessEntry | undefined {
  const [state, parent, group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 4)
  const pid = Number.parseInt(stat, 10)
  if (state === undefined || session === undefined || Number.isNaN(pid)) return undefined
  return { pid, state, parent: Number(parent), group: Number(group), session: Number(session) }
}

/**
 * Every process there is, less those that go meanwhile; none where /proc is not mounted. Throws where there is no
 * free descriptor to look with (reliability Z-01): nobody may take that for "none".
 */
export function* processes(): Generator<ProcessEntry> {
  for (const name of namesInProc()) {
    if (!/^[0-9]/.test(name)) continue
    const entry = readEntry(name)
    if (entry !== undefined) yield entry
  }
}

function namesInProc(): readonly string[] {
  try {
    return readdirSync('/proc')
  } catch (error) {
    return absent(error) ?? []
  }
}

function readEntry(name: string): ProcessEntry | undefined {
  try {
    return parseStat(readFileSync(`/proc/${name}/stat`, 'latin1'))
  } catch (error) {
    return absent(error)
  }
}

/** What could not be read is not there, unless it could not be looked for. */
function absent(error: unknown): undefined {
  const errno = errnoOf(error)
  if (errno === 'EMFILE' || errno === 'ENFILE') throw error
}

export function isDead(entry: ProcessEntry): boolean {
  return entry.state === 'Z' || entry.state === 'X'
}
