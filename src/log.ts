// Logs: one JSON object a line on stderr, or a readable line where stderr is a terminal. Never a credential,
// never a request's content. Lines are counted per second and the surplus is dropped and announced.

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
}

/** Lines a second; a flood of refusals must not fill a journal (reliability A-12: ≤ 10 lines/s of them). */
const LINES_PER_SECOND = 50

export function openLog(level: LogLevel): Log {
  const pretty = isatty(2)
  const threshold = LOG_LEVELS.indexOf(level)
  let second = 0
  let lines = 0
  let dropped = 0

  const write = (at: LogLevel, event: string, facts: Facts): void => {
    if (LOG_LEVELS.indexOf(at) < threshold) return
    const now = Math.floor(performance.now() / 1000)
    if (now !== second) [second, lines] = [now, 0]
    if (++lines > LINES_PER_SECOND) {
      dropped++
      return
    }
    const more = dropped > 0 ? { ...facts, lines_dropped: dropped } : facts
    dropped = 0
    writeLine(
      pretty
        ? readable(at, event, more)
        : JSON.stringify({ time: new Date().toISOString(), level: at, event, ...more }),
    )
  }
  return {
    debug: (event, facts = {}) => write('debug', event, facts),
    info: (event, facts = {}) => write('info', event, facts),
    warn: (event, facts = {}) => write('warn', event, facts),
    error: (event, facts = {}) => write('error', event, facts),
  }
}

function readable(level: LogLevel, event: string, facts: Facts): string {
  const parts = Object.entries(facts).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${String(value)}`],
  )
  return [level === 'info' ? event : `${level}: ${event}`, ...parts].join('  ')
}

/** One line on stderr. Synchronous, so that the last line before an exit is not lost; a dead or full reader costs the line only. */
export function writeLine(line: string): void {
  try {
    writeSync(2, `${line}\n`)
  } catch {
    // EAGAIN, EPIPE: whoever read our log is gone or slow; serving goes on (reliability C-07).
  }
}
