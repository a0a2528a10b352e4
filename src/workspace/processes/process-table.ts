// The kernel's table of processes as /proc shows it, for questions that no system call answers: who lives in a session
// whose leader is a zombie, which process an older name meant, which zombies we inherited as PID 1. A walk costs about
// 15 µs per process, so it is for rare questions.

import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { errnoOf, Fault } from '../../base/fault.ts'
import { takeTurns } from '../../base/waiting.ts'
import { reap } from '../../native/process.ts'

/** Unit of start times in /proc/<pid>/stat: every Linux answers 100 for sysconf(_SC_CLK_TCK). */
const TICKS_PER_SECOND = 100
/** Field 22 of /proc/<pid>/stat, counted from the field behind the name. */
const STARTED = 19
/** Form of `processName`. */
const NAME = /^([0-9a-f-]+)-(\d+)-(\d+)$/
/** Pause before a sweep, so that a burst of orphans costs one. */
const SWEEP_DELAY_MS = 100

export interface ProcessEntry {
  readonly pid: number
  /** R, S, D, Z (zombie), X (gone) … as proc(5) lists them. */
  readonly state: string
  readonly parent: number
  readonly group: number
  readonly session: number
  /** Start time in clock ticks since boot: with the number it names one process for good. */
  readonly started: number
}

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
 * Yields every process, less those that end meanwhile. Throws if no descriptor is free or /proc is not mounted (it
 * always shows the reader): no caller may take that for "there are none".
 */
export function* processes(): Generator<ProcessEntry> {
  const names = readdirSync('/proc').filter((name) => /^[0-9]/.test(name))
  if (names.length === 0) throw new Fault('unavailable', '/proc shows no processes: it is not mounted here')
  for (const name of names) {
    const entry = processOf(name)
    if (entry !== undefined) yield entry
  }
}

/** Returns one process; undefined if none has that number. Throws if no descriptor is free to look with. */
export function processOf(pid: number | string): ProcessEntry | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EMFILE' || errno === 'ENFILE') throw error
    return undefined
  }
}

/** Returns the seconds since boot. Throws if /proc is not mounted. */
export function uptime(): number {
  return Number.parseFloat(readFileSync('/proc/uptime', 'latin1'))
}

/** Returns the milliseconds since a process started; `started` in ticks, as ProcessEntry has it. */
export function ageMs(started: number, now = uptime()): number {
  return (now - started / TICKS_PER_SECOND) * 1000
}

export function isDead(entry: ProcessEntry): boolean {
  return entry.state === 'Z' || entry.state === 'X'
}

/** Returns a name for this process that no other has, across reboots too: boot, process id and start time. */
export async function processName(): Promise<string> {
  return `${await bootId()}-${process.pid}-${(await startTime(process.pid)) ?? 0}`
}

/** Returns true if the process of that name lives; false for text that is not such a name. */
export async function isAlive(name: string): Promise<boolean> {
  const [, boot, pid, started] = NAME.exec(name) ?? []
  return boot === (await bootId()) && (await startTime(Number(pid))) === Number(started)
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '0')).trim()
}

/** Returns the start time of a process in clock ticks since boot; undefined if none of that number lives. */
async function startTime(pid: number): Promise<number | undefined> {
  return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))?.started
}

/**
 * Reaps zombies that no other process can reap. As PID 1 of a container the daemon inherits every process whose parent
 * ended first; unreaped they fill the process table (E-12). It leaves our own children alone: their owners still need
 * them, and wait for each by its number, so no exit code is ever taken away. A daemon that is not PID 1 has an init
 * above it and needs no reaper.
 */
export class ZombieReaper implements Disposable {
  readonly #isOurs: (pid: number) => boolean
  #timer: NodeJS.Timeout | undefined
  #sweeping = false
  #again = false

  constructor(isOurs: (pid: number) => boolean) {
    this.#isOurs = isOurs
  }

  /** Notes that a child of this process has ended, ours or not. */
  noteExit(): void {
    if (this.#sweeping) this.#again = true
    else this.#timer ??= setTimeout(() => void this.#sweep(), SWEEP_DELAY_MS).unref()
  }

  async #sweep(): Promise<void> {
    this.#sweeping = true
    this.#timer = undefined
    const turn = takeTurns()
    try {
      for (const entry of processes()) {
        if (entry.parent === process.pid && entry.state === 'Z' && !this.#isOurs(entry.pid)) reap(entry.pid)
        await turn()
      }
    } catch {
      this.#again = true // /proc cannot be read now
    }
    this.#sweeping = false
    if (!this.#again) return
    this.#again = false
    this.noteExit()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
