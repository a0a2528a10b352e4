// GET /health/detail: numbers and conditions of a running daemon, for operators, `status` and `doctor`; no command and,
// but for the working directory and mounts that a condition names, no path of the workspace. /metrics reads the same
// counts.

import { buildFacts } from '../base/assets.ts'
import { operation, type Call } from '../operation.ts'
import { Type } from '../schema.ts'
import { openDescriptors, ownHeap, ownMemory } from '../workspace/machine.ts'
import type { Daemon } from '../daemon.ts'
import { Fault } from '../base/fault.ts'
import { losses } from '../base/tally.ts'

const whole = (description?: string) =>
  Type.Integer({ minimum: 0, ...(description === undefined ? {} : { description }) })
const real = (description?: string) =>
  Type.Number({ minimum: 0, ...(description === undefined ? {} : { description }) })

const counts = Type.Object(
  {
    calls: whole('Calls in progress; this one, proxied requests and calls passed on to other runtimes among them'),
    execs: whole('Commands that run'),
    execs_waiting: whole('Commands that wait for their start'),
    execs_orphaned: whole('Commands of an earlier life of the daemon that still run: it was killed'),
    terminals: whole('Terminals that are alive'),
    watchers: whole(),
    walks: whole('Listings and name searches that run'),
    searches: whole('Content searches that run'),
    downloads: whole('Archives that are being made'),
    processes: whole('Processes that the daemon has started'),
    connections: whole('Open HTTP connections, WebSockets among them'),
    sockets: whole('Open WebSockets of /ws'),
  },
  { description: 'Now' },
)

const lost = Type.Object(
  {
    terminal_gaps: whole('Gaps in the output of terminals: a client was too slow or came too late'),
    terminal_gap_bytes: whole(),
    watcher_overflows: whole('Watcher overflows: events were lost and the tree was scanned again'),
    watcher_resyncs: whole('Scans that have made up for a watcher overflow'),
    exec_truncations: whole('Output streams of commands that were cut in a reply'),
    exec_gaps: whole('Readers of command output that came after its beginning had been dropped'),
    log_lines_dropped: whole(),
    clock_jumps: whole('Times that the wall clock was set by more than 2 s'),
  },
  { description: 'Since the start' },
)

const condition = Type.Object({
  id: Type.String({ description: 'Name of the condition; at most one of a name' }),
  severity: Type.Unsafe<'warning' | 'error'>({
    type: 'string',
    enum: ['warning', 'error'],
    description: 'error: something that clients rely on does not work; warning: it works with less',
  }),
  since: Type.String({ format: 'date-time', description: 'When the daemon noticed it' }),
  message: Type.String({ description: 'One sentence' }),
  todo: Type.String({ description: 'What an operator does about it' }),
})

export const healthDetail = operation({
  name: 'health_detail',
  title: 'Health in detail',
  summary: 'Tells version, uptime, memory, load, limits, what was lost and what is wrong.',
  scope: 'none',
  area: 'This runtime',
  input: Type.Object({}),
  output: Type.Object({
    status: Type.Literal('ok'),
    problems: Type.Array(Type.String(), { description: 'The messages of the conditions; often none' }),
    conditions: Type.Array(condition, { description: 'What is wrong or missing now, oldest first; often none' }),
    version: Type.String(),
    commit: Type.String({ description: 'Commit of the source; `unknown` if the daemon runs from its source' }),
    node: Type.String(),
    pid: whole(),
    uptime_seconds: real('Time since the start, by the monotonic clock'),
    event_loop: Type.Object({
      delay_p50_ms: real('Delays of the last one to two minutes; 0 at the first request'),
      delay_p99_ms: real(),
      delay_max_ms: real(),
      utilization: real('Share of the time in which it worked, 0 to 1'),
    }),
    memory: Type.Object({
      resident_bytes: Type.Optional(whole('Absent where /proc is not mounted')),
      anonymous_bytes: Type.Optional(whole('Resident memory without code and mapped files')),
      heap_bytes: whole('JavaScript heap in use'),
    }),
    open_files: Type.Optional(whole('Open file descriptors')),
    counts,
    lost,
    limits: Type.Record(Type.String(), whole(), { description: 'Limits as configured; a rate of 0 is no limit' }),
    search_engine: Type.Optional(Type.String({ description: '`ripgrep`; absent: ripgrep does not run' })),
    state_directory: Type.String(),
  }),
  routes: [{ method: 'GET', path: '/health/detail' }],
  example: {},
  run: (_, call) => detailOf(call),
})

async function detailOf(call: Call) {
  const daemon = daemonOf(call)
  const { version, commit, node } = buildFacts()
  const { resident, anonymous } = ownMemory()
  const delays = daemon.loop.read()
  const { engine } = await call.workspace.search.status()
  const files = openDescriptors()
  const orphans = await call.workspace.tasks.earlier.list()
  const conditions = await daemon.conditions.list()
  return {
    status: 'ok' as const,
    problems: conditions.map(({ message }) => message),
    conditions: [...conditions],
    version,
    commit,
    node,
    pid: process.pid,
    uptime_seconds: Math.round(performance.now()) / 1000,
    event_loop: {
      delay_p50_ms: milliseconds(delays.p50),
      delay_p99_ms: milliseconds(delays.p99),
      delay_max_ms: milliseconds(delays.max),
      utilization: Math.round(delays.utilization * 1e4) / 1e4,
    },
    memory: {
      ...(resident === undefined ? {} : { resident_bytes: resident }),
      ...(anonymous === undefined ? {} : { anonymous_bytes: anonymous }),
      heap_bytes: ownHeap(),
    },
    ...(files === undefined ? {} : { open_files: files }),
    counts: { ...(await countsOf(call)), execs_orphaned: orphans.length },
    lost: lossesOf(daemon),
    limits: { ...daemon.limits },
    ...(engine === undefined ? {} : { search_engine: engine }),
    state_directory: daemon.stateDirectory,
  }
}

const milliseconds = (seconds: number): number => Math.round(seconds * 1e5) / 100

/** Numbers of now, the same for /metrics and /health/detail. */
export interface Counts {
  readonly calls: number
  readonly execs: number
  /** Commands that wait for their start. */
  readonly execs_waiting: number
  readonly terminals: number
  readonly watchers: number
  /** Listings and name searches that run. */
  readonly walks: number
  /** Content searches that run. */
  readonly searches: number
  readonly downloads: number
  /** Processes that commands, terminals and searches have started. */
  readonly processes: number
  readonly connections: number
  readonly sockets: number
}

export function daemonOf({ daemon }: Call): Daemon {
  if (daemon !== undefined) return daemon
  throw new Fault('unavailable', 'this operation tells of a running daemon, and there is none')
}

export async function countsOf(call: Call): Promise<Counts> {
  const { workspace } = call
  const { doors } = daemonOf(call)
  return {
    calls: doors.calls(),
    execs: workspace.tasks.running,
    execs_waiting: workspace.tasks.waiting,
    terminals: workspace.terminals.list().filter(({ alive }) => alive).length,
    watchers: workspace.watchers.list().length,
    walks: workspace.walkers.running,
    searches: workspace.search.running,
    downloads: workspace.packers.running,
    processes: workspace.children.size,
    connections: await doors.connections(),
    sockets: doors.sockets(),
  }
}

/** Losses since the start, each of which was announced to the client concerned. */
export function lossesOf({ logLinesDropped, clockJumps }: Daemon) {
  return {
    terminal_gaps: losses.terminalGaps,
    terminal_gap_bytes: losses.terminalGapBytes,
    watcher_overflows: losses.watcherOverflows,
    watcher_resyncs: losses.watcherResyncs,
    exec_truncations: losses.execTruncations,
    exec_gaps: losses.execGaps,
    log_lines_dropped: logLinesDropped(),
    clock_jumps: clockJumps,
  }
}
