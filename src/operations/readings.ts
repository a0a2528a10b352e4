// What the daemon counts and measures, read at one moment: /metrics and /health/detail tell the same numbers.

import type { Daemon } from '../daemon.ts'
import { Fault } from '../base/fault.ts'
import type { Call } from '../operation.ts'
import { losses } from '../base/tally.ts'

/** What is going on now. */
export interface Counts {
  readonly calls: number
  readonly execs: number
  /** Starts that wait for their turn. */
  readonly execs_waiting: number
  readonly terminals: number
  readonly watchers: number
  /** Listings and searches by name. */
  readonly walks: number
  /** Searches in contents. */
  readonly searches: number
  readonly downloads: number
  /** Processes of the daemon's own starting, by exec, terminals and searches. */
  readonly processes: number
  readonly connections: number
  readonly sockets: number
}

export function daemonOf({ daemon }: Call): Daemon {
  if (daemon !== undefined) return daemon
  throw new Fault('unavailable', 'this operation tells of a daemon, and was called without one')
}

export async function countsOf(call: Call): Promise<Counts> {
  const { workspace } = call
  const { gauges } = daemonOf(call)
  return {
    calls: gauges.calls(),
    execs: workspace.tasks.running,
    execs_waiting: workspace.tasks.waiting,
    terminals: workspace.terminals.list().filter(({ alive }) => alive).length,
    watchers: workspace.watchers.list().length,
    walks: workspace.walkers.running,
    searches: workspace.search.running,
    downloads: workspace.packers.running,
    processes: workspace.children.size,
    connections: await gauges.connections(),
    sockets: gauges.sockets(),
  }
}

/** What was lost, cut or announced since the start. */
export function lossesOf({ gauges, clockJumps }: Daemon) {
  return {
    terminal_gaps: losses.terminalGaps,
    terminal_gap_bytes: losses.terminalGapBytes,
    watcher_overflows: losses.watcherOverflows,
    watcher_resyncs: losses.watcherResyncs,
    exec_truncations: losses.execTruncations,
    exec_gaps: losses.execGaps,
    log_lines_dropped: gauges.logLinesDropped(),
    clock_jumps: clockJumps,
  }
}
