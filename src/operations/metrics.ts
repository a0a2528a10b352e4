// GET /metrics for Prometheus. Any credential will do, so that whoever scrapes needs one that allows nothing else.
// Labels are names of operations and words of closed lists: no path, command or id is ever among them.

import { ByteStream, operation, type Call } from '../operation.ts'
import { Type } from '../schema.ts'
import type { Metric, Registry } from 'prom-client'
import { buildFacts } from '../base/assets.ts'
import type { Daemon } from '../daemon.ts'
import { LATENCY_BOUNDS, OUTCOMES, VIAS, type CallCounts, type CallTally } from '../base/tally.ts'
import { descriptorLimit, openDescriptors, ownMemory } from '../workspace/machine.ts'
import { countsOf, daemonOf, lossesOf } from './health.ts'

export const metrics = operation({
  name: 'metrics',
  title: 'Metrics',
  summary: 'Tells calls, latencies, load, memory and losses in the text format of Prometheus.',
  scope: 'none',
  area: 'This runtime',
  input: Type.Object({}),
  output: Type.Object({}),
  routes: [{ method: 'GET', path: '/metrics', answers: 'text/plain' }],
  remarks: 'Counters begin at the start of the daemon; delays of the event loop are those since the scrape before.',
  example: {},
  async run(_, call) {
    const { type, text } = await metricsText(call)
    const bytes = Buffer.from(text)
    return new ByteStream({ headers: { 'content-type': type }, size: bytes.byteLength }, once(bytes))
  },
})

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

// The page of /metrics: the daemon's own numbers, handed to prom-client when somebody asks, which is also when
// prom-client is loaded. It only writes them down, in the order of this file.

interface Value {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  /** Where it is not the family's own: the parts of a histogram. */
  readonly metricName?: string
}

interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly values: readonly Value[]
}

async function metricsText(call: Call): Promise<{ readonly type: string; readonly text: string }> {
  const { Registry } = await import('prom-client')
  const registry = new Registry()
  const daemon = daemonOf(call)
  const families = [
    ...callFamilies(daemon),
    ...countFamilies(await countsOf(call)),
    ...lossFamilies(daemon),
    ...loopFamilies(daemon),
    ...processFamilies(),
  ]
  for (const family of families) register(registry, family)
  return { type: registry.contentType, text: await registry.metrics() }
}

/** The registry asks a metric for no more than this; its own kinds would have to be counted up anew each time. */
function register(registry: Registry, { type, ...family }: Family): void {
  const metric = { ...family, get: () => Promise.resolve({ ...family, type }) }
  registry.registerMetric(metric as unknown as Metric) // its type names what only its own kinds have
}

const PREFIX = 'workspace_runtime_'

function callFamilies({ calls, responses }: Daemon): Family[] {
  return [
    {
      name: `${PREFIX}calls_total`,
      help: 'Calls of operations that have ended, and under runtime_forward those handed on to other runtimes; 5xx: also those that failed after their answer had begun; left: the caller had gone.',
      type: 'counter',
      values: [...calls.entries()].flatMap(([operation, counts]) => endedValues(operation, counts)),
    },
    latencies(calls),
    {
      name: `${PREFIX}http_responses_total`,
      help: 'Responses over HTTP, refusals of strangers and proxied ones among them.',
      type: 'counter',
      values: Object.entries(responses).map(([status, value]) => ({ labels: { status }, value })),
    },
  ]
}

/** Only what has happened: two ways in by four ends by some forty operations are mostly zero. */
function endedValues(operation: string, { ended }: CallCounts): Value[] {
  return VIAS.flatMap((transport) =>
    OUTCOMES.map((status) => ({ labels: { transport, operation, status }, value: ended[transport][status] })),
  ).filter(({ value }) => value > 0)
}

function latencies(calls: CallTally): Family {
  const name = `${PREFIX}call_duration_seconds`
  const values = [...calls.entries()].flatMap(([operation, counts]): Value[] => {
    let below = 0
    const buckets = counts.latencies.map((count, index) => {
      below += count
      const le = LATENCY_BOUNDS[index] ?? '+Inf'
      return { labels: { le, operation }, value: below, metricName: `${name}_bucket` }
    })
    return [
      ...buckets,
      { labels: { operation }, value: counts.seconds, metricName: `${name}_sum` },
      { labels: { operation }, value: below, metricName: `${name}_count` },
    ]
  })
  return { name, help: 'Time until a call was answered, or a stream begun.', type: 'histogram', values }
}

/** What the numbers of /health/detail are called here, and what they are. */
const COUNTS = {
  calls: ['calls_running', 'Calls in progress, proxied exchanges and calls of other runtimes among them.'],
  execs: ['execs_running', 'Commands that run.'],
  execs_waiting: ['execs_waiting', 'Commands whose start waits for its turn.'],
  terminals: ['terminals_alive', 'Terminals alive.'],
  watchers: ['watchers', 'Watchers.'],
  walks: ['walks_running', 'Listings and searches by name in progress.'],
  searches: ['searches_running', 'Searches in contents in progress.'],
  downloads: ['downloads_running', 'Archives being made.'],
  processes: ['processes', 'Processes that the daemon has started and that have not ended.'],
  connections: ['connections_open', 'Connections of HTTP, WebSockets among them.'],
  sockets: ['sockets_open', 'Clients of /ws.'],
} as const

function countFamilies(counts: Readonly<Record<keyof typeof COUNTS, number>>): Family[] {
  const keys = Object.keys(COUNTS) as (keyof typeof COUNTS)[] // a literal above
  return keys.map((key) => gauge(`${PREFIX}${COUNTS[key][0]}`, COUNTS[key][1], counts[key]))
}

const LOSSES: Readonly<Record<keyof ReturnType<typeof lossesOf>, string>> = {
  terminal_gaps: 'Times that a client missed output of a terminal.',
  terminal_gap_bytes: 'Bytes of output that clients of terminals missed.',
  watcher_overflows: 'Times that a watcher could not tell what had changed.',
  watcher_resyncs: 'Times that a watcher has caught up.',
  exec_truncations: 'Streams of commands that were cut in a reply.',
  exec_gaps: 'Readers who came too late for the beginning of an output.',
  log_lines_dropped: 'Log lines that nobody took.',
  clock_jumps: 'Times that the wall clock was set by more than 2 s.',
}

function lossFamilies(daemon: Daemon): Family[] {
  return Object.entries(lossesOf(daemon)).map(([name, value]) =>
    counter(`${PREFIX}${name}_total`, LOSSES[name as keyof typeof LOSSES], value),
  )
}

function loopFamilies({ loop }: Daemon): Family[] {
  const { p50, p99, max, utilization } = loop.read()
  const values = Object.entries({ '0.5': p50, '0.99': p99, '1.0': max }).map(([quantile, value]) => ({
    labels: { quantile },
    value,
  }))
  const help = 'Delay of the event loop in the last one to two minutes, by quantile; 0 at the first scrape.'
  return [
    { name: `${PREFIX}event_loop_delay_seconds`, help, type: 'gauge', values },
    gauge(`${PREFIX}event_loop_utilization`, 'Part of that time in which the event loop worked.', utilization),
  ]
}

/** Under the names that every Prometheus client has for them. */
function processFamilies(): Family[] {
  const { resident, anonymous } = ownMemory()
  const { user, system } = process.cpuUsage()
  const { version, commit, node } = buildFacts()
  const [files, most] = [openDescriptors(), descriptorLimit()]
  return [
    {
      name: `${PREFIX}build_info`,
      help: 'Always 1.',
      type: 'gauge',
      values: [{ labels: { version, commit, node }, value: 1 }],
    },
    counter('process_cpu_seconds_total', 'Processor time of the daemon, without its children.', (user + system) / 1e6),
    gauge('process_start_time_seconds', 'Start, in Unix time.', performance.timeOrigin / 1000),
    ...(resident === undefined ? [] : [gauge('process_resident_memory_bytes', 'Memory that is resident.', resident)]),
    ...(anonymous === undefined
      ? []
      : [gauge('process_anonymous_memory_bytes', 'Of that, without code and mapped files.', anonymous)]),
    ...(files === undefined ? [] : [gauge('process_open_fds', 'Open descriptors.', files)]),
    ...(most === undefined ? [] : [gauge('process_max_fds', 'How many may be open.', most)]),
  ]
}

const gauge = (name: string, help: string, value: number): Family => ({
  name,
  help,
  type: 'gauge',
  values: [{ labels: {}, value }],
})

const counter = (name: string, help: string, value: number): Family => ({
  ...gauge(name, help, value),
  type: 'counter',
})
