// Figure 9: GET /files/stat, at most one every 2 ms, while 50 commands start, a tree of 100,000 files is walked and a
// content search runs, over and over; beside the same alone. Times count from when a request was due.

import { download } from '../download.ts'
import { quantile, type Bench, type Row } from '../figure.ts'
import { requestText } from '../load.ts'
import { openLoad } from '../load-process.ts'
import { AUTHORIZATION, openSubject, type Subject } from '../subject.ts'

const MS = 4000
const PACE_MS = 2
const COMMANDS = 50

export async function underLoad(bench: Bench): Promise<Row[]> {
  const tree = bench.tree()
  await using subject = await openSubject()
  await using load = await openLoad()
  bench.print(`stat while ${COMMANDS} commands start, a walk and a search run`)
  const path = encodeURIComponent(tree.path)
  const request = requestText('GET', `/files/stat?path=${path}`, AUTHORIZATION)
  const stat = () => load.run({ port: subject.port, request, connections: 1, ms: MS, paceMs: PACE_MS })
  await turmoil(subject, path)
  const alone = await stat()
  const measuring = stat()
  const end = performance.now() + MS
  let turns = 0
  for (; performance.now() < end; turns++) await turmoil(subject, path)
  const busy = await measuring
  const quiet = quantile(alone.latencies, 0.99)
  bench.print(
    `${turns} turns; p50 ${ms(quantile(busy.latencies, 0.5))}, most ${ms(Math.max(...busy.latencies))}; alone p99 ${ms(quiet)}`,
  )
  const row = { figure: '9', unit: 'ms', hold: { atMost: 20 } }
  return [
    { ...row, measure: 'p99 of GET /files/stat under load', ours: quantile(busy.latencies, 0.99) },
    { ...row, measure: 'p99 of GET /files/stat alone', ours: quiet },
  ]
}

const ms = (value: number): string => `${value.toFixed(2)} ms`

/** Runs 50 commands at once, a walk and a search, to their ends. */
async function turmoil({ port }: Subject, path: string): Promise<void> {
  const body = JSON.stringify({ cmd: ['/bin/true'], ttl_seconds: 1 })
  const commands = Array.from({ length: COMMANDS }, () =>
    download({ port, method: 'POST', path: '/exec', body, ending: '"exit_code":0' }),
  )
  await Promise.all([
    ...commands,
    download({ port, path: `/files/stream?path=${path}&light=true`, ending: '"done"' }),
    download({ port, path: `/files/search?path=${path}&q=rare_needle`, ending: '"total_files"' }),
  ])
}
