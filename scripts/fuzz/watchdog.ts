// Watches the fuzzed daemon from a separate thread, so that a busy fuzzer does not look like a hanging daemon: a
// /health probe every 250 ms, and its anonymous memory every 100 ms with the number of cases done by then. Run as a
// worker it is the thread; imported it starts one.

import { request } from 'node:http'
import { readFileSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const PROBE_MS = 250
const SAMPLE_MS = 100
const TURN_MS = 20
/** Milliseconds after which a probe without an answer is given up; it hung long before. */
const PROBE_LIMIT_MS = 20_000

export interface Watched {
  /** Milliseconds of the slowest answer, less those in which the machine gave watcher or daemon no turn. */
  readonly slowest: number
  readonly probes: number
  /** Probes that got no 200, by reason. */
  readonly failures: readonly string[]
  readonly memory: readonly Sample[]
}

export interface Sample {
  readonly cases: number
  /** Anonymous memory in MiB. */
  readonly mib: number
}

export interface Watchdog {
  /** Tells how many cases are done. */
  done(cases: number): void
  finish(): Promise<Watched>
}

interface Orders {
  readonly pid: number
  /** Port of the daemon; 0: nothing is probed. */
  readonly port: number
  readonly counter: SharedArrayBuffer
}

export function openWatchdog(pid: number, port: number): Watchdog {
  const counter = new SharedArrayBuffer(4)
  const orders: Orders = { pid, port, counter }
  const worker = new Worker(new URL(import.meta.url), { workerData: orders })
  const cases = new Int32Array(counter)
  return {
    done: (count) => void Atomics.store(cases, 0, count),
    async finish() {
      const { promise, resolve, reject } = Promise.withResolvers<Watched>()
      worker.once('message', resolve).once('error', reject)
      worker.postMessage('finish')
      const watched = await promise
      await worker.terminate()
      return watched
    },
  }
}

export function anonymousMiB(pid: number | 'self'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024
}

/** Returns milliseconds that the process's main thread waited for a core; 0 if the kernel does not count. */
function queuedMs(pid: number): number {
  try {
    const [, nanoseconds = '0'] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')
    return Number(nanoseconds) / 1e6
  } catch {
    return 0
  }
}

function watch({ pid, port, counter }: Orders): () => Watched {
  const cases = new Int32Array(counter)
  const memory: Sample[] = []
  const failures: string[] = []
  let slowest = 0
  let probes = 0
  /** Delay of this thread's turns since the last probe: caused by the machine, not by the daemon. */
  let late = 0
  let due = performance.now() + TURN_MS
  const turn = (): void => {
    const now = performance.now()
    late = Math.max(late, now - due)
    due = now + TURN_MS
  }
  const sample = (): void => {
    try {
      memory.push({ cases: Atomics.load(cases, 0), mib: anonymousMiB(pid) })
    } catch {
      // it has ended, which other code notices
    }
  }
  const probe = (): void => {
    const began = performance.now()
    const queued = queuedMs(pid)
    late = 0
    const ended = (failure?: string): void => {
      const others = late + Math.max(0, queuedMs(pid) - queued)
      slowest = Math.max(slowest, performance.now() - began - others)
      if (failure !== undefined && failures.length < 10) failures.push(failure)
    }
    probes++
    const asked = request(
      { port, host: '127.0.0.1', path: '/health', agent: false, timeout: PROBE_LIMIT_MS },
      (response) => {
        response
          .resume()
          .once('end', () => ended(response.statusCode === 200 ? undefined : `status ${response.statusCode}`))
      },
    )
    asked
      .on('timeout', () => asked.destroy(new Error('no answer')))
      .on('error', (error) => ended(error.message))
      .end()
  }
  sample()
  setInterval(sample, SAMPLE_MS)
  setInterval(turn, TURN_MS)
  if (port !== 0) setInterval(probe, PROBE_MS)
  return () => {
    sample()
    return { slowest, probes, failures, memory }
  }
}

const parent = parentPort
if (!isMainThread && parent !== null) {
  const finish = watch(workerData as Orders) // our own start value
  parent.once('message', () => parent.postMessage(finish()))
}
