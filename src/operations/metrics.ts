// GET /metrics for Prometheus. Any credential will do, so that a scraper can have one that allows nothing else. Labels
// are names of operations and words of closed lists; no path, command or id is among them. The counts live in the
// daemon and the workspace: prom-client is loaded at the first scrape and only writes them down, in the order of this
// file.

import type * as Prometheus from 'prom-client'
import { buildFacts } from '../base/assets.ts'
import { LATENCY_BOUNDS, OUTCOMES, VIAS, type CallTally } from '../base/tally.ts'
import type { Daemon } from '../daemon.ts'
import { ByteStream, operation } from '../operation.ts'
import { Type } from '../schema.ts'
import { descriptorLimit, openDescriptors, ownMemory } from '../workspace/machine.ts'
import { countsOf, daemonOf, lossesOf, type Counts } from './health.ts'

export const metrics = operation({
  name: 'metrics',
  title: 'Metrics',
  summary: 'Tells calls, latencies, load, memory and losses in the text format of Prometheus.',
  scope: 'none',
  area: 'This runtime',
  input: Type.Object({}),
  output: Type.Object({}),
  routes: [{ method: 'GET', path: '/metrics', answers: 'text/plain' }],
  remarks:
    'Counters begin at the start of the daemon. Delays of the event loop are those of the last one to two minutes.',
  example: {},
  async run(_, call) {
    const daemon = daemonOf(call)
    const page = await pageOf(daemon)
    page.counts = await countsOf(call)
    const bytes = Buffer.from(await page.registry.metrics())
    return new ByteStream(
      { headers: { 'content-type': page.registry.contentType }, size: bytes.byteLength },
      once(bytes),
    )
  },
})

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** The metrics of one daemon. Each reads its values when the registry is written down. */
interface Page {
  readonly registry: Prometheus.Registry
  /** Read at the begin of a scrape, so that all counts are of one moment. */
  counts: Counts | undefined
}

/** Pages of the daemons of the process, each for as long as its daemon lives. */
const pages = new WeakMap<Daemon, Promise<Page>>()

function pageOf(daemon: Daemon): Promise<Page> {
  const page = pages.get(daemon) ?? openPage(daemon)
  pages.set(daemon, page)
  return page
}

const PREFIX = 'workspace_runtime_'

type Library = typeof Prometheus

async function openPage(daemon: Daemon): Promise<Page> {
  const library = await import('prom-client')
  const page: Page = { registry: new library.Registry(), counts: undefined }
  const writer = new MetricWriter(library, page.registry)
  writeCalls(writer, daemon)
  for (const [key, [name, help]] of entries(COUNTS)) writer.gauge(PREFIX + name, help, () => page.counts?.[key])
  for (const [key, help] of entries(LOSSES)) writer.counter(`${PREFIX}${key}_total`, help, () => lossesOf(daemon)[key])
  writeLoop(writer, daemon)
  writeProcess(writer)
  return page
}

/** Returns Object.entries of a literal of this file, typed by its keys, which are complete. */
function entries<K extends string, V>(table: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(table) as [K, V][]
}

/** Makes the metrics of one registry. A value is set anew at each scrape by the `collect` of prom-client. */
class MetricWriter {
  readonly #library: Library
  readonly #registry: Prometheus.Registry

  constructor(library: Library, registry: Prometheus.Registry) {
    this.#library = library
    this.#registry = registry
  }

  gauge(name: string, help: string, read: () => number | undefined): void {
    this.gauges({ name, help, labelNames: [] }, (gauge) => gauge.set(read() ?? 0))
  }

  gauges(family: Family, collect: (gauge: Prometheus.Gauge) => void): void {
    const registers = [this.#registry]
    new this.#library.Gauge({
      ...family,
      registers,
      collect() {
        collect(this)
      },
    })
  }

  counter(name: string, help: string, read: () => number): void {
    this.counters({ name, help, labelNames: [] }, (counter) => counter.inc(read()))
  }

  /** Makes a counter. `collect` begins at zero and counts everything since the start of the daemon. */
  counters(family: Family, collect: (counter: Prometheus.Counter) => void): void {
    const registers = [this.#registry]
    new this.#library.Counter({
      ...family,
      registers,
      collect() {
        this.reset()
        collect(this)
      },
    })
  }

  latencies(calls: CallTally): void {
    registerLatencies(this.#library, this.#registry, calls)
  }
}

interface Family {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}

/**
 * Registers a histogram whose values are those of the tally, which counted them in buckets when the calls ended. The
 * frame, an ordinary one without values, has the fields that go with them.
 */
function registerLatencies({ Histogram }: Library, registry: Prometheus.Registry, calls: CallTally): void {
  const family = {
    name: `${PREFIX}call_duration_seconds`,
    help: 'Time until a call was answered, or its stream begun.',
    labelNames: ['operation'],
    buckets: [...LATENCY_BOUNDS],
  }
  const frame = new Histogram({ ...family, registers: [] })
  type Values = Awaited<ReturnType<typeof frame.get>>
  class TallyHistogram extends Histogram {
    override async get(): Promise<Values> {
      return { ...(await frame.get()), values: latencyValues(family.name, calls) }
    }

    /** Called by a registry of prom-client 15 in place of `get` when it writes text; its types lack it. */
    async getForPromString(): Promise<Values> {
      return await this.get()
    }
  }
  registry.registerMetric(new TallyHistogram({ ...family, registers: [] }))
}

function latencyValues(name: string, calls: CallTally) {
  return [...calls.entries()].flatMap(([operation, { latencies, seconds }]) => {
    let below = 0
    const buckets = latencies.map((count, index) => {
      below += count
      const le = LATENCY_BOUNDS[index] ?? '+Inf'
      return { labels: { le, operation }, value: below, metricName: `${name}_bucket` }
    })
    const sum = { labels: { operation }, value: seconds, metricName: `${name}_sum` }
    return [...buckets, sum, { labels: { operation }, value: below, metricName: `${name}_count` }]
  })
}

function writeCalls(writer: MetricWriter, { calls, responses }: Daemon): void {
  writer.counters(
    {
      name: `${PREFIX}calls_total`,
      help: 'Calls that have ended, by operation; runtime_forward: calls passed on to other runtimes. 5xx: also calls that failed after their answer had begun. left: the client had disconnected.',
      labelNames: ['transport', 'operation', 'status'],
    },
    (counter) => {
      for (const [operation, { ended }] of calls.entries()) {
        for (const transport of VIAS) {
          for (const status of OUTCOMES) {
            // Two transports by four outcomes by some forty operations are mostly zero, and left out.
            const count = ended[transport][status]
            if (count > 0) counter.inc({ transport, operation, status }, count)
          }
        }
      }
    },
  )
  writer.latencies(calls)
  writer.counters(
    {
      name: `${PREFIX}http_responses_total`,
      help: 'HTTP responses by status class; refused requests and proxied responses count too.',
      labelNames: ['status'],
    },
    (counter) => {
      for (const [status, count] of Object.entries(responses)) counter.inc({ status }, count)
    },
  )
}

/** The names of the counts of /health/detail in this page, and their HELP. */
const COUNTS = {
  calls: ['calls_running', 'Calls in progress, proxied requests and calls passed on to other runtimes among them.'],
  execs: ['execs_running', 'Commands that run.'],
  execs_waiting: ['execs_waiting', 'Commands that wait for their start.'],
  terminals: ['terminals_alive', 'Terminals that are alive.'],
  watchers: ['watchers', 'Watchers.'],
  walks: ['walks_running', 'Listings and name searches that run.'],
  searches: ['searches_running', 'Content searches that run.'],
  downloads: ['downloads_running', 'Archives that are being made.'],
  processes: ['processes', 'Processes that the daemon has started and that have not ended.'],
  connections: ['connections_open', 'Open HTTP connections, WebSockets among them.'],
  sockets: ['sockets_open', 'Open WebSockets of /ws.'],
} as const satisfies Record<keyof Counts, readonly [name: string, help: string]>

const LOSSES: Readonly<Record<keyof ReturnType<typeof lossesOf>, string>> = {
  terminal_gaps: 'Gaps in the output of terminals: a client was too slow or came too late.',
  terminal_gap_bytes: 'Bytes of terminal output that clients missed in such gaps.',
  watcher_overflows: 'Watcher overflows: events were lost and the tree was scanned again.',
  watcher_resyncs: 'Scans that have made up for a watcher overflow.',
  exec_truncations: 'Output streams of commands that were cut in a reply.',
  exec_gaps: 'Readers of command output that came after its beginning had been dropped.',
  log_lines_dropped: 'Log lines that were dropped because the reader of the log was too slow or gone.',
  clock_jumps: 'Times that the wall clock was set by more than 2 s.',
}

function writeLoop(writer: MetricWriter, { loop }: Daemon): void {
  writer.gauges(
    {
      name: `${PREFIX}event_loop_delay_seconds`,
      help: 'Delay of the event loop in the last one to two minutes, by quantile; 0 at the first scrape.',
      labelNames: ['quantile'],
    },
    (gauge) => {
      const { p50, p99, max } = loop.read()
      for (const [quantile, value] of Object.entries({ '0.5': p50, '0.99': p99, '1.0': max }))
        gauge.set({ quantile }, value)
    },
  )
  const help = 'Share of that time in which the event loop worked, 0 to 1.'
  writer.gauge(`${PREFIX}event_loop_utilization`, help, () => loop.read().utilization)
}

/** Writes the process's values under usual Prometheus names, without those that the first scrape lacks. */
function writeProcess(writer: MetricWriter): void {
  writer.gauges(
    {
      name: `${PREFIX}build_info`,
      help: 'Always 1; the labels name version, commit and Node version.',
      labelNames: ['version', 'commit', 'node'],
    },
    (gauge) => {
      const { version, commit, node } = buildFacts()
      gauge.set({ version, commit, node }, 1)
    },
  )
  writer.counter('process_cpu_seconds_total', 'Processor time of the daemon, without its children.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  writer.gauge('process_start_time_seconds', 'Start of the daemon, in Unix time.', () => performance.timeOrigin / 1000)
  const known = (name: string, help: string, read: () => number | undefined): void => {
    if (read() !== undefined) writer.gauge(name, help, read)
  }
  known('process_resident_memory_bytes', 'Resident memory.', () => ownMemory().resident)
  const anonymous = 'Resident memory without code and mapped files.'
  known('process_anonymous_memory_bytes', anonymous, () => ownMemory().anonymous)
  known('process_open_fds', 'Open file descriptors.', openDescriptors)
  known('process_max_fds', 'File descriptors that may be open at once.', descriptorLimit)
}
