// Checks every promise against a history, without the daemon. A history that lacks the facts for a check is itself a
// violation: a run that broke off proves nothing.

import { checkDaemon } from './checks/daemon.ts'
import { checkExecs } from './checks/execs.ts'
import { checkFiles } from './checks/files.ts'
import { checkLogs } from './checks/logs.ts'
import { checkTerminals } from './checks/terminals.ts'
import { violation, type Violation } from './checks/violation.ts'
import type { HistoryEvent } from './history.ts'

const NEEDED = ['run', 'log', 'ran', 'account', 'rest', 'start', 'end'] as const

export function check(events: readonly HistoryEvent[]): Violation[] {
  const types = new Set(events.map(({ type }) => type))
  return [
    ...NEEDED.filter((type) => !types.has(type)).map((type) => violation('daemon')(`the history has no "${type}"`)),
    ...checkFiles(events),
    ...checkLogs(events),
    ...checkExecs(events),
    ...checkTerminals(events),
    ...checkDaemon(events),
  ]
}
