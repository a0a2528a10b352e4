// Runs one fuzzer from beginning to end: starts a daemon, warms it up without judging its memory, runs the cases, and
// gives the verdict over all.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { runExchanges, type HttpFuzzer, type Plan, type Stage } from './exchanges.ts'
import { FRAMES, runFrames } from './frames.ts'
import { httpCase } from './http-case.ts'
import { queryCase } from './query-case.ts'
import { rpcCase } from './rpc-case.ts'
import { startSubject, type Sandbox, type Subject } from './subject.ts'
import { HANG_MS, memoryOf, NOISE_MIB, PEAK_MIB, SLOPE_MIB, Tally, type Outcome } from './tally.ts'
import { runTar, UPLOAD_SHARE, uploads } from './tar.ts'
import { TAR } from './tar-process.ts'
import { openWatchdog, type Watched } from './watchdog.ts'

export const FUZZERS = ['http', FRAMES, 'json-rpc', TAR, 'query'] as const
export type FuzzerName = (typeof FUZZERS)[number]

const HTTP: Readonly<Record<string, HttpFuzzer>> = {
  http: { name: 'http', make: httpCase },
  'json-rpc': { name: 'json-rpc', make: rpcCase },
  query: { name: 'query', make: queryCase },
}

export interface Order {
  readonly seed: number
  readonly from: number
  readonly count: number
}

/** Share of the cases before the slope of memory is judged. */
const WARM_UP = 0.5
/**
 * Cases of the least run whose slope is judged; of shorter ones only the peak is. HTTP takes the longest to settle:
 * V8's heap and glibc's go up to some 160 MiB within 75,000 to 150,000 requests, the later the busier the machine; of
 * the 250,000 after that each part has the same lowest.
 */
const LEAST_FOR_SLOPE = 300_000

/** Lanes of each fuzzer, for two cores: the daemon has one of them. */
const LANES = { http: 12, frames: 8, upload: 3 }

/** Returns the outcomes of one fuzzer: two if some of its cases go another way. */
export async function runFuzzer(name: FuzzerName, order: Order, sandbox: Sandbox): Promise<Outcome[]> {
  if (name === TAR) {
    const uploaded = { ...order, count: Math.max(1, Math.round(order.count * UPLOAD_SHARE)) }
    const inProcess = await timed(`${TAR}, in process`, order, (tally) =>
      runTar({ ...order, lanes: 1 }, sandbox, tally),
    )
    const plan = { ...uploaded, lanes: LANES.upload }
    return [inProcess, await onDaemon(`${TAR}, uploaded`, plan, sandbox, (stage) => runExchanges(uploads, plan, stage))]
  }
  const fuzzer = HTTP[name]
  const plan = { ...order, lanes: fuzzer === undefined ? LANES.frames : LANES.http }
  const run = (stage: Stage) => (fuzzer === undefined ? runFrames(plan, stage) : runExchanges(fuzzer, plan, stage))
  return [await onDaemon(name, plan, sandbox, run)]
}

async function onDaemon(
  name: string,
  plan: Plan,
  sandbox: Sandbox,
  run: (stage: Stage) => Promise<void>,
): Promise<Outcome> {
  await using subject = await startSubject(sandbox)
  await using application = await openApplication()
  const work = async (tally: Tally): Promise<Watched> => {
    const watchdog = openWatchdog(subject.pid, subject.port)
    await run({ subject, tally, application: application.port, done: (cases) => watchdog.done(cases) })
    const watched = await watchdog.finish()
    inspect(subject, tally, plan.from + tally.cases)
    return watched
  }
  const outcome = await timed(name, plan, work)
  await sandbox.sweep()
  return outcome
}

async function timed(name: string, order: Order, work: (tally: Tally) => Promise<Watched>): Promise<Outcome> {
  const tally = new Tally()
  const began = performance.now()
  const watched = await work(tally)
  const seconds = (performance.now() - began) / 1000
  const memory = memoryOf(watched.memory, order.count, order.count * WARM_UP)
  const problems = [...tally.failures]
  if (tally.failed > problems.length) problems.push(`… and ${tally.failed - problems.length} more`)
  if (tally.cases < order.count) problems.push(`only ${tally.cases} of ${order.count} cases were run`)
  if (watched.slowest > HANG_MS) problems.push(`/health took ${Math.round(watched.slowest)} ms to answer`)
  problems.push(...watched.failures.map((failure) => `/health: ${failure}`))
  const growth = (memory.slope * order.count * (1 - WARM_UP)) / 100_000
  if (order.count >= LEAST_FOR_SLOPE && memory.slope > SLOPE_MIB && growth > NOISE_MIB) {
    problems.push(`anonymous memory grew by ${memory.slope.toFixed(2)} MiB in 100,000 cases`)
  }
  if (memory.peak > PEAK_MIB) problems.push(`anonymous memory reached ${Math.round(memory.peak)} MiB`)
  return { name, tally, seconds, watched, memory, problems }
}

/** Notes the daemon's own signs of trouble. */
function inspect(subject: Subject, tally: Tally, index: number): void {
  if (!subject.alive) tally.fail(index, `the daemon has ended: ${subject.log().slice(-2000)}`)
  const [first, ...others] = subject
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'))
  if (first !== undefined) tally.fail(index, `the daemon logged ${1 + others.length} errors: ${first.slice(0, 2000)}`)
}

/** Opens the application that the proxy leads to. */
async function openApplication(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer((request, response) => {
    request.on('error', () => undefined).resume()
    response.on('error', () => undefined).end('hello')
  })
  server.on('clientError', (_, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
