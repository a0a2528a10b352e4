// Commands at once: the time until all of N have ended, and the median time of one.

import { median, type Bench } from '../figure.ts'
import { requestText } from '../load.ts'
import { openLoad } from '../load-process.ts'
import { AUTHORIZATION, openSubject } from '../subject.ts'
import type { Growth, Point } from './cost.ts'

const SIZES = [1, 10, 100, 200]
const ROUND_MS = 3000
const QUICK_MS = 500

export async function execGrowth({ quick }: Bench): Promise<Growth[]> {
  await using subject = await openSubject(undefined, {}, { limits: { execs: 256 } })
  await using load = await openLoad()
  const body = JSON.stringify({ cmd: ['/bin/true'], ttl_seconds: 1 })
  const request = requestText('POST', '/exec', AUTHORIZATION, body)
  const latencies: Point[] = []
  const together: Point[] = []
  for (const size of SIZES) {
    const ms = quick ? QUICK_MS : ROUND_MS
    const run = () => load.run({ port: subject.port, request, connections: size, ms })
    await run()
    const { latencies: samples, requestsPerSecond } = await run()
    latencies.push({ size, cost: median(samples) })
    together.push({ size, cost: (size / requestsPerSecond) * 1000 })
  }
  return [
    { what: 'POST /exec at once, until all have ended', unit: 'ms', points: together },
    { what: 'POST /exec at once, p50 of one', unit: 'ms', points: latencies },
  ]
}
