// The mark: a variable in the environment of every command, which names the daemon's state directory, the life of the
// daemon and the command's id. Descendants inherit it in any session they make, so the processes that a command left
// can be told from all others, by the daemon's next life too. A daemon inside a command marks its own children anew.

import { readFile } from 'node:fs/promises'
import { takeTurns } from '../../base/waiting.ts'
import { processOf, isDead, processes, type ProcessEntry } from './process-table.ts'

export const MARK_VARIABLE = 'WORKSPACE_RUNTIME_MARK'

export interface CommandMark {
  /** Name of the state directory. */
  readonly identity: string
  /** Name of the daemon's process, as process-table.ts makes it. */
  readonly life: string
  readonly id: string
}

export interface MarkedProcess {
  readonly mark: CommandMark
  readonly entry: ProcessEntry
}

const MARK = /^([0-9a-f]{16}):([0-9a-f-]+):(\d{1,16})$/

export function markText({ identity, life, id }: CommandMark): string {
  return `${identity}:${life}:${id}`
}

/** Returns the mark in an environment as /proc/<pid>/environ has it. */
function markIn(environ: string): CommandMark | undefined {
  const entry = environ.split('\0').find((one) => one.startsWith(`${MARK_VARIABLE}=`))
  const [, identity, life, id] = MARK.exec(entry?.slice(MARK_VARIABLE.length + 1) ?? '') ?? []
  if (identity === undefined || life === undefined || id === undefined) return undefined
  return { identity, life, id }
}

/** Returns the living processes that are `possible` and carry a mark; none if /proc cannot be read. */
export async function markedProcesses(possible: (entry: ProcessEntry) => boolean): Promise<MarkedProcess[]> {
  const found: MarkedProcess[] = []
  const turn = takeTurns()
  try {
    for (const entry of processes()) {
      await turn()
      if (isDead(entry) || !possible(entry)) continue
      // Not synchronous: the environment is in the process's own memory, which the kernel may hold up.
      const mark = markIn(await readFile(`/proc/${entry.pid}/environ`, 'latin1').catch(() => ''))
      if (mark !== undefined) found.push({ mark, entry })
    }
  } catch {
    return found
  }
  return found
}

/** A process that left the session of its command and lives. */
export interface Survivor {
  readonly pid: number
  /** Name as ps shows it. */
  readonly name: string
  readonly session: number
}

/** Survivors that one answer names at most. */
const MOST_SURVIVORS = 20

/** Processes that live on after their command or terminal was ended. */
export interface Leftovers {
  /** True if something lives on: not even SIGKILL ended it, or it had made a new session. */
  readonly survived: boolean
  /** Processes of the second kind, 20 at most. */
  readonly survivors: readonly Survivor[]
}

/** Returns the leftovers of several as one. */
export function leftoversOfAll(all: readonly (Leftovers | undefined)[]): Leftovers {
  return {
    survived: all.some((one) => one?.survived === true || (one?.survivors.length ?? 0) > 0),
    survivors: all.flatMap((one) => one?.survivors ?? []).slice(0, MOST_SURVIVORS),
  }
}

/** A command: the number of its session, and its mark. */
export interface MarkedCommand {
  readonly session: number
  readonly mark: CommandMark
}

/**
 * Returns the processes of these commands that made a new session. `since`: start time of the commands' first process,
 * in ticks.
 */
export async function awayFrom(commands: readonly MarkedCommand[], since: number): Promise<Survivor[]> {
  if (commands.length === 0) return []
  const sessions = new Map(commands.map(({ session, mark }) => [markText(mark), session]))
  const marked = await markedProcesses((one) => one.started >= since && one.pid !== process.pid)
  const left = ({ mark, entry }: MarkedProcess): boolean => {
    const session = sessions.get(markText(mark))
    return session !== undefined && session !== entry.session
  }
  const away = marked.filter(left).slice(0, MOST_SURVIVORS)
  return await Promise.all(
    away.map(async ({ entry: { pid, session: own } }) => ({ pid, name: await nameOf(pid), session: own })),
  )
}

async function nameOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trimEnd()
}

/** Returns the start time of a process in ticks; 0 if it cannot be told. */
export function startedAt(pid: number): number {
  try {
    return processOf(pid)?.started ?? 0
  } catch {
    return 0
  }
}
