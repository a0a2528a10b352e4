// The record of a run, one JSON object a line: requests, answers, observations, and faults. The checker reads nothing
// else. Times are milliseconds of the driver's monotonic clock, which no fault moves.

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/** acknowledged: a success came; refused: a failure came; unknown: no answer came, so it may have happened. */
export type Outcome = 'acknowledged' | 'refused' | 'unknown'

export interface Asked {
  readonly client: string
  readonly begin: number
  readonly end: number
  readonly outcome: Outcome
  readonly status?: number
}

/** Bytes that came together: their offset, their number, and their SHA-256. */
export interface Segment {
  readonly from: number
  readonly bytes: number
  readonly sha256: string
}

/** Bytes that the daemon announced as missing. */
export interface Gap {
  readonly from: number
  readonly to: number
}

export type WriteEvent = Asked & {
  readonly type: 'write'
  readonly file: string
  readonly door: 'write' | 'raw'
  readonly sha256: string
  readonly bytes: number
  /** Size in the answer. */
  readonly size?: number
}

export interface ReadEvent {
  readonly type: 'read'
  readonly client: string
  readonly file: string
  readonly begin: number
  readonly end: number
  /** null: there is no such file. */
  readonly sha256: string | null
}

export type AppendEvent = Asked & {
  readonly type: 'append'
  readonly log: string
  readonly number: number
  readonly bytes: number
}

export interface LogEvent {
  readonly type: 'log'
  readonly log: string
  readonly content: string
}

/** A command whose output and exit code are known beforehand (content.ts). */
export type ExecEvent = Asked & {
  readonly type: 'exec'
  readonly tag: string
  readonly form: 'reply' | 'background' | 'stream'
  readonly out: number
  readonly err: number
  readonly code: number
  readonly id?: string
  /** Number of the daemon's start; absent if the daemon was killed meanwhile. */
  readonly epoch?: number
}

export interface ExecSeen {
  readonly type: 'exec-seen'
  readonly tag: string
  readonly via: 'reply' | 'get' | 'range' | 'stream' | 'attach'
  readonly at: number
  /** Exit codes that answers told, in order; a state without one adds none. */
  readonly codes: readonly number[]
  readonly out: readonly Segment[]
  readonly err: readonly Segment[]
  readonly gaps: { readonly out: readonly Gap[]; readonly err: readonly Gap[] }
  /** True if the answer ended as HTTP requires, not by a cut. */
  readonly clean: boolean
  /** Events after `exit`. */
  readonly late: number
  /** True for 404 from the same daemon that had given the id. */
  readonly missing?: boolean
}

/** Tags that commands themselves wrote when they ran. */
export interface RanEvent {
  readonly type: 'ran'
  readonly tags: readonly string[]
}

export type TerminalEvent = Asked & {
  readonly type: 'terminal'
  readonly tag: string
  readonly lines: number
  readonly code: number
  readonly id?: string
  readonly epoch?: number
}

export interface TerminalSeen {
  readonly type: 'terminal-seen'
  readonly tag: string
  readonly at: number
  /** Offset in the request, if it had one. */
  readonly since?: number
  readonly segments: readonly Segment[]
  readonly gaps: readonly Gap[]
  /** Exits, each with the offset behind the last byte before it. */
  readonly exits: readonly { readonly code: number; readonly offset: number }[]
}

/** Paths below the root, with the SHA-256 of a file or 'directory'. */
export type Tree = Readonly<Record<string, string>>

export interface AccountEvent {
  readonly type: 'account'
  readonly client: string
  readonly told: Tree
  readonly disk: Tree
  readonly changes: number
  readonly resyncs: number
}

export interface FaultEvent {
  readonly type: 'fault'
  readonly fault: string
  readonly begin: number
  readonly end: number
  readonly detail: string
}

export interface StartEvent {
  readonly type: 'start'
  readonly epoch: number
  readonly pid: number
  readonly at: number
  readonly ready_ms: number
  /** Temporary files before this start, and those of them that still exist when it is ready. */
  readonly strays: { readonly before: readonly string[]; readonly after: readonly string[] }
}

export interface EndEvent {
  readonly type: 'end'
  readonly epoch: number
  readonly at: number
  /** Signal that ended it; null: it ended by itself. */
  readonly by: 'SIGKILL' | 'SIGTERM' | null
  readonly code: number | null
  readonly signal: string | null
  /** Processes of the daemon that outlived it. */
  readonly left: readonly string[]
  readonly stderr: string
}

/** An error in the daemon's log. */
export interface SaidEvent {
  readonly type: 'said'
  readonly epoch: number
  readonly at: number
  readonly line: string
}

/** An event that must never happen: an internal error, no answer at all, a daemon that does not recover. */
export interface WrongEvent {
  readonly type: 'wrong'
  readonly what: 'internal error' | 'no answer' | 'not recovered' | 'driver'
  readonly client: string
  readonly at: number
  readonly detail: string
}

/** Remains on the disk after the last, orderly end. */
export interface RestEvent {
  readonly type: 'rest'
  readonly temporary: readonly string[]
  readonly state: readonly string[]
}

export interface RunEvent {
  readonly type: 'run'
  readonly seed: number
  readonly minutes: number
  readonly clients: number
  readonly command: string
  readonly skipped: readonly string[]
}

export type HistoryEvent =
  | RunEvent
  | WriteEvent
  | ReadEvent
  | AppendEvent
  | LogEvent
  | ExecEvent
  | ExecSeen
  | RanEvent
  | TerminalEvent
  | TerminalSeen
  | AccountEvent
  | FaultEvent
  | StartEvent
  | EndEvent
  | SaidEvent
  | WrongEvent
  | RestEvent

export interface Recorder extends Disposable {
  readonly path: string
  add(event: HistoryEvent): void
}

export function openHistory(path: string): Recorder {
  const file = openSync(path, 'w')
  return {
    path,
    add: (event) => void writeSync(file, `${JSON.stringify(event)}\n`),
    [Symbol.dispose]: () => closeSync(file),
  }
}

export function readHistory(path: string): HistoryEvent[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as HistoryEvent) // our own file
}

export function ofType<K extends HistoryEvent['type']>(
  events: readonly HistoryEvent[],
  type: K,
): Extract<HistoryEvent, { type: K }>[] {
  return events.filter((event): event is Extract<HistoryEvent, { type: K }> => event.type === type)
}
