// Summary of a run: requests and their outcomes, faults, and broken promises.

import type { Violation } from './checks/violation.ts'
import { RULES } from './checks/violation.ts'
import { ofType, type Asked, type HistoryEvent } from './history.ts'

export interface Count {
  readonly asked: number
  readonly acknowledged: number
  readonly refused: number
  readonly unknown: number
}

export interface Summary {
  readonly seed: number
  readonly minutes: number
  readonly clients: number
  readonly operations: Readonly<Record<string, Count>>
  readonly total: Count
  /** Numbers of observations, by kind. */
  readonly observations: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  readonly skipped: readonly string[]
  readonly starts: number
  readonly longest_start_ms: number
  readonly temporary_files_swept: number
  /** Processes that outlived a kill -9 of the daemon. Without a control group nothing ends them. */
  readonly outlived_kills: number
  /** First errors in its log. */
  readonly log_errors: readonly string[]
  readonly violations: Readonly<Record<string, number>>
}

function countOf(events: readonly Asked[]): Count {
  const of = (outcome: Asked['outcome']): number => events.filter((event) => event.outcome === outcome).length
  return { asked: events.length, acknowledged: of('acknowledged'), refused: of('refused'), unknown: of('unknown') }
}

export function summarize(events: readonly HistoryEvent[], violations: readonly Violation[]): Summary {
  const [run] = ofType(events, 'run')
  const starts = ofType(events, 'start')
  const writes = ofType(events, 'write')
  const execs = ofType(events, 'exec')
  const groups: Readonly<Record<string, readonly Asked[]>> = {
    'POST /files/write': writes.filter(({ door }) => door === 'write'),
    'PUT /files/raw': writes.filter(({ door }) => door === 'raw'),
    append: ofType(events, 'append'),
    'POST /exec': execs.filter(({ form }) => form === 'reply'),
    'POST /exec, background': execs.filter(({ form }) => form === 'background'),
    'POST /exec/stream': execs.filter(({ form }) => form === 'stream'),
    'POST /terminals': ofType(events, 'terminal'),
  }
  const accounts = ofType(events, 'account')
  return {
    seed: run?.seed ?? 0,
    minutes: run?.minutes ?? 0,
    clients: run?.clients ?? 0,
    operations: Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, countOf(group)])),
    total: countOf(Object.values(groups).flat()),
    observations: {
      'files read': ofType(events, 'read').length,
      'command outputs and exits': ofType(events, 'exec-seen').length,
      'terminal connections': ofType(events, 'terminal-seen').length,
      'watcher accounts compared': accounts.length,
      'changes told by watchers': accounts.reduce((sum, { changes }) => sum + changes, 0),
    },
    faults: counted(
      ofType(events, 'fault')
        .map(({ fault }) => fault)
        .filter((fault) => !fault.startsWith('none')),
    ),
    skipped: run?.skipped ?? [],
    starts: starts.length,
    longest_start_ms: Math.round(Math.max(0, ...starts.map(({ ready_ms }) => ready_ms))),
    temporary_files_swept: starts.reduce((sum, { strays }) => sum + strays.before.length, 0),
    outlived_kills: ofType(events, 'end').reduce((sum, { by, left }) => sum + (by === 'SIGKILL' ? left.length : 0), 0),
    log_errors: ofType(events, 'said')
      .slice(0, SHOWN)
      .map(({ line }) => line),
    violations: counted(
      violations.map(({ rule }) => rule),
      RULES,
    ),
  }
}

function counted(names: readonly string[], all: readonly string[] = []): Record<string, number> {
  const counts = Object.fromEntries(all.map((name) => [name, 0]))
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Violations of each rule that are shown. */
const SHOWN = 10

export function report(summary: Summary, violations: readonly Violation[]): string {
  const { operations, total, observations, faults, skipped } = summary
  const cells = (name: string, { asked, acknowledged, refused, unknown }: Count): string =>
    name.padEnd(26) + [asked, acknowledged, refused, unknown].map((count) => String(count).padStart(14)).join('')
  const lines = [
    `faults: seed ${summary.seed}, ${summary.minutes} min, ${summary.clients} clients`,
    '',
    `${'operation'.padEnd(26)}${['asked', 'acknowledged', 'refused', 'unknown'].map((head) => head.padStart(14)).join('')}`,
    ...Object.entries(operations).map(([name, count]) => cells(name, count)),
    cells('all', total),
    '',
    ...Object.entries(observations).map(([name, count]) => name.padEnd(40) + String(count).padStart(10)),
    '',
    ...Object.entries(faults).map(([name, count]) => `fault: ${name}`.padEnd(40) + String(count).padStart(10)),
    ...skipped.map((reason) => `skipped: ${reason}`),
    '',
    `starts ${summary.starts}, the longest ${summary.longest_start_ms} ms; temporary files swept ${summary.temporary_files_swept}`,
    `processes that outlived a kill -9 (expected: without a control group nothing ends them) ${summary.outlived_kills}`,
    ...summary.log_errors.map((line) => `the daemon's log: ${line}`),
    '',
    ...Object.entries(summary.violations).map(
      ([rule, count]) => `violations: ${rule}`.padEnd(40) + String(count).padStart(10),
    ),
    ...RULES.flatMap((rule) => violations.filter((one) => one.rule === rule).slice(0, SHOWN)).map(
      ({ rule, detail }) => `  ${rule}: ${detail}`,
    ),
    '',
    `${total.asked} operations, ${total.acknowledged} acknowledged, ${sum(faults)} faults, violations: ${violations.length}`,
  ]
  return lines.join('\n')
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
