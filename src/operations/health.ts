// GET /health/detail: what an operator, or `workspace-runtime status`, wants to know of a running daemon. Numbers
// and what is wrong; no paths of the workspace, no commands.

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
    calls: whole('Calls in progress, this one, proxied exchanges and calls of other runtimes among them'),
    execs: whole('Commands that run'),
    execs_waiting: whole('Commands whose start waits for its turn'),
    execs_orphaned: whole('Commands that run on from before the daemon was killed'),
    terminals: whole('Terminals alive'),
    watchers: whole(),
    walks: whole('Listings and searches by name'),
    searches: whole('Searches in contents'),
    downloads: whole('Archives being made'),
    processes: whole('Processes that the daemon has started'),
    connections: whole('Of HTTP, WebSockets among them'),
    sockets: whole('Clients of /ws'),
  },
  { description: 'Now' },
)

const lost = Type.Object(
  {
    terminal_gaps: whole('Times that a client missed output of a terminal'),
    terminal_gap_bytes: whole(),
    watcher_overflows: whole('Times that a watcher could not tell what had changed'),
    watcher_resyncs: whole('Times that one has caught up'),
    exec_truncations: whole('Streams of commands that were cut in a reply'),
    exec_gaps: whole('Readers who came too late for the beginning of an output'),
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
    commit: Type.String({ description: 'Of the source; `unknown` where it runs from source' }),
    node: Type.String(),
    pid: whole(),
    uptime_seconds: real('By the monotonic clock'),
    event_loop: Type.Object({
      delay_p50_ms: real('In the last one to two minutes; 0 at the first question'),
      delay_p99_ms: real(),
      delay_max_ms: real(),
      utilization: real('Part of the time that it worked, 0 to 1'),
    }),
    memory: Type.Object({
      resident_bytes: Type.Optional(whole('Absent where /proc is not mounted')),
      anonymous_bytes: Type.Optional(whole('Without code and mapped files')),
      heap_bytes: whole('Of JavaScript, in use'),
    }),
    open_files: Type.Optional(whole('Descriptors')),
    counts,
    lost,
    limits: Type.Record(Type.String(), whole(), { description: 'As configured; a rate of 0 is none' }),
    search_engine: Type.Optional(Type.String({ description: '`ripgrep`; absent: it cannot be run' })),
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

// What the daemon counts and measures, read at one moment: /metrics and /health/detail tell the same numbers.

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
