// Commands that an earlier life of this daemon started and that still run, because that daemon was killed or crashed.
// They are found by the mark in their environment: at the start, and when a client asks while there are some. The
// daemon never starts one again. Ending one ends its session (TERM, 2 s, KILL); a process that had left the session
// lives on.

import { readFile, readlink } from 'node:fs/promises'
import { awayFrom, markedProcesses, type Leftovers, type MarkedProcess } from '../processes/mark.ts'
import { ageMs, processOf, isAlive, isDead, processes, type ProcessEntry } from '../processes/process-table.ts'
import { sendToAll, type SessionSignal } from '../processes/session.ts'
import { COMMAND_END, endSession, type ProcessSession } from '../processes/session-end.ts'

export interface Orphan {
  readonly id: string
  /** Number of its session: the process id that its first process has or had. */
  readonly session: number
  /** Command line of its first process, or of the oldest that is left. */
  readonly command: readonly string[]
  readonly cwd: string
  readonly startedAt: Date
}

/** Returns the processes of the commands of ended lives with this state directory, by the command's id. */
export async function orphansOf(identity: string): Promise<ReadonlyMap<string, readonly MarkedProcess[]>> {
  const marked = await markedProcesses(({ pid }) => pid !== process.pid)
  const ours = marked.filter(({ mark }) => mark.identity === identity)
  const lives = new Map<string, boolean>()
  for (const { mark } of ours) if (!lives.has(mark.life)) lives.set(mark.life, await isAlive(mark.life))
  const orphaned = ours.filter(({ mark }) => lives.get(mark.life) === false)
  const byId = Map.groupBy(orphaned, ({ mark }) => mark.id)
  return new Map([...byId].map(([id, members]) => [id, sessionOf(members)]))
}

/**
 * Returns the members of the command's own session: of several, the one with the lowest number, which was there first.
 */
function sessionOf(members: readonly MarkedProcess[]): readonly MarkedProcess[] {
  const own = Math.min(...members.map(({ entry }) => entry.session))
  return members.filter(({ entry }) => entry.session === own)
}

export class EarlierLife {
  readonly #identity: Promise<string | undefined>
  #first: Promise<readonly Orphan[]> | undefined
  #some = true
  /**
   * Ids that were ended: no more than were found. Processes that had left their sessions live on and belong to no
   * command.
   */
  readonly #ended = new Set<string>()

  constructor(identity: Promise<string | undefined>) {
    this.#identity = identity
  }

  /** Returns them, oldest first. Stops looking once there were none: no new one can appear. */
  async list(): Promise<readonly Orphan[]> {
    if (!this.#some) return []
    this.#first ??= this.#look()
    const found = await this.#first
    this.#first = undefined
    this.#some = found.length > 0
    return found.filter(({ id }) => !this.#ended.has(id))
  }

  async get(id: string): Promise<Orphan | undefined> {
    return (await this.list()).find((one) => one.id === id)
  }

  /** Ends the session of a command and forgets it. Undefined if there is no such command. */
  async end(id: string): Promise<Leftovers | undefined> {
    const identity = await this.#identity
    if (identity === undefined || (await this.get(id)) === undefined) return undefined
    const members = (await orphansOf(identity)).get(id)
    const [first] = members ?? []
    if (members === undefined || first === undefined) return undefined
    this.#ended.add(id)
    const { survived } = await endSession(new LeftSession(members.map(({ entry }) => entry)), COMMAND_END)
    const survivors = await awayFrom([{ session: first.entry.session, mark: first.mark }], 0)
    return { survived: survived || survivors.length > 0, survivors }
  }

  async #look(): Promise<readonly Orphan[]> {
    const identity = await this.#identity
    if (identity === undefined) return []
    const found = [...(await orphansOf(identity))]
    const orphans = await Promise.all(found.map(([id, members]) => orphanOf(id, members)))
    return orphans.toSorted((a, b) => Number(a.id) - Number(b.id))
  }
}

async function orphanOf(id: string, members: readonly MarkedProcess[]): Promise<Orphan> {
  const entries = members.map(({ entry }) => entry)
  const oldest = entries.reduce((a, b) => (b.pid === b.session || b.started < a.started ? b : a))
  const line = await readFile(`/proc/${oldest.pid}/cmdline`, 'utf8').catch(() => '')
  const cwd = await readlink(`/proc/${oldest.pid}/cwd`).catch(() => '')
  const words = line.replace(/\0$/, '').split('\0')
  return { id, session: oldest.session, command: words, cwd, startedAt: new Date(Date.now() - ageMs(oldest.started)) }
}

/** A session whose number is not reserved for us: once another process leads a session of that number, ours is gone. */
class LeftSession implements ProcessSession {
  readonly exited = Promise.resolve()
  readonly #session: number
  readonly #leaderStarted: number | undefined

  constructor([first, ...rest]: readonly ProcessEntry[]) {
    this.#session = first?.session ?? 0
    this.#leaderStarted = [first, ...rest].find((one) => one?.pid === this.#session)?.started
  }

  signalSession(signal: SessionSignal): boolean {
    return sendToAll(this.#members() ?? [], signal)
  }

  sessionAlive(): boolean | undefined {
    const members = this.#members()
    return members === undefined ? undefined : members.length > 0
  }

  #members(): readonly ProcessEntry[] | undefined {
    try {
      const leader = processOf(this.#session)
      if (leader !== undefined && leader.started !== this.#leaderStarted) return []
      return [...processes()].filter((one) => one.session === this.#session && !isDead(one))
    } catch {
      return undefined
    }
  }
}
