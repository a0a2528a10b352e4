// Logs: one JSON object a line on stderr, or a readable line if stderr is a terminal. Never a credential, never a
// request's content. Floods of one warning are cut, and the cut is announced; so are lines lost because a reader is
// stuck or gone (C-07).

import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export type Facts = Readonly<Record<string, string | number | boolean | undefined>>

export interface Log {
  debug(event: string, facts?: Facts): void
  info(event: string, facts?: Facts): void
  warn(event: string, facts?: Facts): void
  error(event: string, facts?: Facts): void
  /** Lines that never reached the reader, since the start. */
  readonly lost?: number
}

/** Warnings and errors of one kind a second at most; a flood of refusals must not fill a journal. */
const SAME_PER_SECOND = 10

/** Passes lines to their reader. */
export interface Outlet {
  /** Takes the line, or returns false. Never waits for the reader. */
  offer(line: string): boolean
  /** Lines that it took and could not pass on, since the start. */
  readonly lost: number
  /** Called once lines flow again after a stop. */
  flowing?: (() => void) | undefined
}

/** Writes directly to stderr: for commands that end before a slow reader matters. */
const STRAIGHT: Outlet = {
  lost: 0,
  offer(line) {
    try {
      writeSync(2, `${line}\n`)
      return true
    } catch {
      return false
    }
  },
}

export function openLog(level: LogLevel, outlet: Outlet = STRAIGHT): Log {
  const pretty = isatty(2)
  const threshold = LOG_LEVELS.indexOf(level)
  const lines = new Map<string, number>()
  let second = 0
  let cut = 0
  let refused = 0
  let told = 0

  const tooMany = (event: string): boolean => {
    const now = Math.floor(performance.now() / 1000)
    if (now !== second) lines.clear()
    second = now
    const count = (lines.get(event) ?? 0) + 1
    lines.set(event, count)
    return count > SAME_PER_SECOND
  }
  const render = (at: LogLevel, event: string, facts: Facts): string =>
    pretty ? readable(at, event, facts) : JSON.stringify({ time: new Date().toISOString(), level: at, event, ...facts })
  const lost = (): number => refused + outlet.lost
  const tellLost = (): void => {
    const missing = lost() - told
    if (missing > 0 && outlet.offer(render('warn', 'log_dropped', { lines: missing }))) told += missing
  }
  const write = (at: LogLevel, event: string, facts: Facts): void => {
    if (LOG_LEVELS.indexOf(at) < threshold) return
    if ((at === 'warn' || at === 'error') && tooMany(event)) {
      cut++
      return
    }
    const more = cut > 0 ? { ...facts, lines_dropped: cut } : facts
    cut = 0
    tellLost()
    if (!outlet.offer(render(at, event, more))) refused++
  }
  outlet.flowing = tellLost
  return {
    debug: (event, facts = {}) => write('debug', event, facts),
    info: (event, facts = {}) => write('info', event, facts),
    warn: (event, facts = {}) => write('warn', event, facts),
    error: (event, facts = {}) => write('error', event, facts),
    get lost() {
      return lost()
    },
  }
}

function readable(level: LogLevel, event: string, facts: Facts): string {
  const parts = Object.entries(facts).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${String(value)}`],
  )
  return [clockTime(new Date()), level === 'info' ? event : `${level}: ${event}`, ...parts]
    .join('  ')
    .replace(CONTROLS, (char) => JSON.stringify(char).slice(1, -1))
}

/** Returns hours, minutes and seconds in the local time zone. */
function clockTime(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

/** Characters that would steer a terminal instead of being shown on it. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g
