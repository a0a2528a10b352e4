// Logs: one JSON object a line on stderr, or a readable line where stderr is a terminal. Never a credential,
// never a request's content. Floods of one warning are
// cut, and the cut is announced.

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

/** Warnings and errors of one kind a second; a flood of refusals must not fill a journal (reliability A-12). */
const SAME_PER_SECOND = 10

export function openLog(level: LogLevel): Log {
  const pretty = isatty(2)
  const threshold = LOG_LEVELS.indexOf(level)
  const lines = new Map<string, number>()
  let second = 0
  let dropped = 0

  const tooMany = (event: string): boolean => {
    const now = Math.floor(performance.now() / 1000)
    if (now !== second) lines.clear()
    second = now
    const count = (lines.get(event) ?? 0) + 1
    lines.set(event, count)
    return count > SAME_PER_SECOND
  }
  const write = (at: LogLevel, event: string, facts: Facts): void => {
    if (LOG_LEVELS.indexOf(at) < threshold) return
    if ((at === 'warn' || at === 'error') && tooMany(event)) {
      dropped++
      return
    }
    const more = dropped > 0 ? { ...facts, lines_dropped: dropped } : facts
    dropped = 0
    const object = { time: new Date().toISOString(), level: at, event, ...more }
    writeLine(pretty ? readable(at, event, more) : JSON.stringify(object))
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
  return [level === 'info' ? event : `${level}: ${event}`, ...parts]
    .join('  ')
    .replace(CONTROLS, (char) => JSON.stringify(char).slice(1, -1))
}

/** What would steer a terminal instead of being shown on it. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g

/** One line on stderr. Synchronous, so that the last line before an exit is not lost; a dead or full reader costs the line only. */
export function writeLine(line: string): void {
  try {
    writeSync(2, `${line}\n`)
  } catch {
    // EAGAIN, EPIPE: whoever read our log is gone or slow; serving goes on (reliability C-07).
  }
}
