// /metrics and /health/detail of a running daemon: what is counted where, for whom, and that nothing of the
// workspace is in a label.

import t from 'tap'
import { catalog } from '../../src/catalog.ts'
import { CallTally, LATENCY_BOUNDS, responseClass } from '../../src/base/tally.ts'
import { startDaemon, TOKEN, type Daemon } from '../support/daemon.ts'
import { until } from '../support/until.ts'

const SECRET = 'a-name-that-nobody-may-see'

/** The samples by their whole left side. */
async function scrape(daemon: Daemon): Promise<Map<string, number>> {
  const { status, headers, body } = await daemon.call('GET', '/metrics')
  t.equal(status, 200)
  t.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const samples = (body as string).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map((line) => {
      const [, name = '', value] = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? []
      if (value === undefined) t.fail(`not a sample: ${line}`)
      return [name, Number(value)]
    }),
  )
}

const P = 'workspace_runtime_'

t.test('calls are counted by way in, operation and outcome; labels name nothing of the workspace', async (t) => {
  const daemon = await startDaemon(t)
  const message = (name: string, args: object) => ({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: args },
  })
  await daemon.call('GET', `/files/stat?path=${daemon.directory}`)
  await daemon.call('GET', `/files/stat?path=/${SECRET}`)
  await daemon.call('GET', '/files/stat')
  await daemon.call('POST', '/mcp', message('file_stat', { path: `/${SECRET}` }))
  await daemon.call('POST', '/mcp', message('exec_run', { command: ['echo', SECRET] }))
  await daemon.call('GET', `/${SECRET}`)
  await fetch(`${daemon.url}/${SECRET}`)
  const samples = await scrape(daemon)
  const calls = (transport: string, operation: string, status: string) =>
    samples.get(`${P}calls_total{transport="${transport}",operation="${operation}",status="${status}"}`)
  t.equal(calls('rest', 'file_stat', '2xx'), 1)
  t.equal(calls('rest', 'file_stat', '4xx'), 2, 'what is refused is a call too')
  t.equal(calls('mcp', 'file_stat', '4xx'), 1)
  t.equal(calls('mcp', 'exec_run', '2xx'), 1)
  t.equal(samples.get(`${P}call_duration_seconds_count{operation="file_stat"}`), 4)
  t.equal(samples.get(`${P}call_duration_seconds_bucket{le="+Inf",operation="file_stat"}`), 4)
  t.equal(samples.get(`${P}http_responses_total{status="4xx"}`), 4, 'two refused, nothing served, a stranger')
  const names = new Set(catalog.map(({ name }) => name))
  const words = [...samples.keys()].flatMap((key) => [...key.matchAll(/(\w+)="([^"]*)"/g)])
  for (const [, label, value = ''] of words) {
    if (label === 'operation') t.ok(names.has(value), value)
    else t.ok(['transport', 'status', 'le', 'quantile', 'version', 'commit', 'node'].includes(label ?? ''), label ?? '')
  }
  t.notMatch([...samples.keys()].join('\n'), SECRET)
  t.notMatch([...samples.keys()].join('\n'), TOKEN)
})

t.test('what is going on, and what it costs', async (t) => {
  const daemon = await startDaemon(t)
  await daemon.call('POST', '/exec', { command: ['sleep', '60'], background: true })
  await daemon.call('POST', '/terminals', {})
  await daemon.call('POST', '/watchers', { path: daemon.directory })
  const socket = new WebSocket(`${daemon.url.replace('http', 'ws')}/ws?token=${TOKEN}`)
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const samples = await scrape(daemon)
  for (const name of ['execs_running', 'terminals_alive', 'watchers', 'sockets_open']) {
    t.equal(samples.get(P + name), 1, name)
  }
  t.equal(samples.get(`${P}processes`), 2, 'the command and the shell')
  t.ok((samples.get(`${P}connections_open`) ?? 0) >= 2)
  t.equal(samples.get(`${P}execs_waiting`), 0)
  t.ok((samples.get('process_anonymous_memory_bytes') ?? 0) > 1e6)
  t.ok((samples.get('process_open_fds') ?? 0) > 10)
  socket.close()
})

t.test('delays of the loop are told alike to all who scrape: no reading takes them from the next', async (t) => {
  const daemon = await startDaemon(t)
  const longest = async () => (await scrape(daemon)).get(`${P}event_loop_delay_seconds{quantile="1.0"}`) ?? 0
  await until('the loop has been measured', async () => (await longest()) > 0)
  const first = await longest()
  const second = await longest()
  const { body } = await daemon.call('GET', '/health/detail')
  const third = body.event_loop.delay_max_ms / 1000
  t.ok(first > 0 && second >= first, `${first}, then ${second}`)
  t.ok(third >= second - 0.001, `${second}, then ${third}, told in milliseconds`)
  t.ok(body.event_loop.utilization > 0 && body.event_loop.utilization <= 1)
})

t.test('what is cut is counted', async (t) => {
  const daemon = await startDaemon(t)
  const long = ['sh', '-c', 'head -c 17000000 /dev/zero | tr "\\0" x']
  t.equal((await daemon.call('POST', '/exec', { command: long })).body.stdout_truncated, true)
  t.equal((await scrape(daemon)).get(`${P}exec_truncations_total`), 1)
})

t.test('health in detail: for whoever has a credential, with what is wrong', async (t) => {
  const daemon = await startDaemon(t, { config: { limits: { execs: 7 } } })
  t.equal((await fetch(`${daemon.url}/health/detail`)).status, 401)
  t.equal((await fetch(`${daemon.url}/metrics`)).status, 401)
  t.strictSame(await (await fetch(`${daemon.url}/health`)).json(), { status: 'ok' }, 'strangers learn no more')
  const { body } = await daemon.call('GET', '/health/detail')
  t.match(body, {
    success: true,
    status: 'ok',
    version: /^\d+\.\d+\.\d+/,
    node: /^24\./,
    pid: daemon.pid,
    limits: { execs: 7, terminals: 10, watchers: 5, concurrency: 512, rate: 0 },
    search_engine: 'ripgrep',
    lost: { log_lines_dropped: 0, clock_jumps: 0 },
  })
  t.ok(body.uptime_seconds > 0 && body.uptime_seconds < 120)
  t.type(body.problems, Array)
  const broken = await startDaemon(t, { env: { XDG_STATE_HOME: '/proc/nowhere' } })
  t.match((await broken.call('GET', '/health/detail')).body.problems.join(), /writes in flight are not remembered/)
})

t.test('the tally: bounds are those of Prometheus, inclusive, and end in infinity', async (t) => {
  const tally = new CallTally()
  for (const seconds of [0, 0.0005, 0.0006, 60, 61]) tally.count('x', 'rest', '2xx', seconds)
  const [[, counts] = []] = [...tally.entries()]
  t.equal(counts?.latencies.length, LATENCY_BOUNDS.length + 1)
  t.equal(counts?.latencies[0], 2)
  t.equal(counts?.latencies[1], 1)
  t.equal(counts?.latencies.at(-2), 1)
  t.equal(counts?.latencies.at(-1), 1)
  t.strictSame([101, 200, 304, 404, 503].map(responseClass), ['1xx', '2xx', '3xx', '4xx', '5xx'])
})
